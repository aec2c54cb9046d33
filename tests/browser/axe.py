"""Axe in a real browser: what is wrong with the page that is open, in light, in dark and on a phone."""

from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

SCRIPT = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"

BY_COLOUR = ["color-contrast", "link-in-text-block"]
"""Rules about the colours of a text. All else is the same in light and in dark."""

WITHOUT_COLOUR = {"rules": {name: {"enabled": False} for name in BY_COLOUR}}
COLOUR_ALONE = {"runOnly": BY_COLOUR}

FINDINGS = """async ([context, options]) => (await axe.run(context === null ? document : {include: context.flatMap(look => window.looks[look])}, {
    resultTypes: ["violations"], preload: false, ...options,
})).violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.target.join(" ")}: ${node.html.slice(0, 120)}`))"""

LOOKS = r"""() => {
    const grounds = new Map();
    const ground = part => {
        if (!part) return "";
        if (!grounds.has(part)) {
            const style = getComputedStyle(part);
            const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter].join(" ");
            grounds.set(part, ground(part.parentElement) + (own === "rgba(0, 0, 0, 0) none 1 none" ? "" : own + "/"));
        }
        return grounds.get(part);
    };
    const words = part => [...part.childNodes].filter(one => one.nodeType === 3).map(one => one.data.trim()).join("");
    const shut = part => part.closest(":disabled, [aria-disabled=true]") || part.closest("label")?.control?.disabled;
    const around = link => {
        let block = link.parentElement;
        while (getComputedStyle(block).display === "inline") block = block.parentElement;
        return [getComputedStyle(block).color, block.textContent.trim() === link.textContent.trim()];
    };
    const look = part => {
        const style = getComputedStyle(part);
        const own = [style.color, style.fontSize, style.fontWeight, style.textShadow, style.textDecorationLine, style.borderBottom];
        return [part.tagName, !!shut(part), ...own, ...(part.matches("a[href]") ? around(part) : []), ground(part)].join();
    };
    const drawn = part => {
        const box = part.getBoundingClientRect();
        return box.width > 1 && box.height > 1 && part.checkVisibility({opacityProperty: true, visibilityProperty: true});
    };
    window.looks = {};
    for (const part of document.body.querySelectorAll("*")) {
        if (!(/[\p{L}\p{N}].*[\p{L}\p{N}]/su.test(words(part)) || part.matches("input, select, textarea")) || !drawn(part)) continue;
        (window.looks[look(part)] ??= []).push(part);
    }
    for (const name in window.looks) window.looks[name] = window.looks[name].slice(0, 3);
    return Object.keys(window.looks);
}"""
"""Every look of text there is on the page: all that decides how readable it is. Up to three parts of each are kept."""

ON_A_PHONE = """() => [...(document.documentElement.scrollWidth <= window.innerWidth ? [] :
    [...document.querySelectorAll("body *")]
        .filter(part => part.getBoundingClientRect().right > window.innerWidth + 1)
        .slice(0, 3).map(part => `too wide: ${part.outerHTML.slice(0, 120)}`)),
...[...document.querySelectorAll("[aria-disabled=true], :disabled")].filter(shut => {
    const reason = document.getElementById(shut.getAttribute("aria-describedby") || "");
    shut.focus();
    return !(reason && reason.checkVisibility() && reason.textContent.trim() && document.activeElement === shut);
}).map(shut => `shut without a reason in view, or out of reach: ${shut.outerHTML.slice(0, 120)}`)]"""


@dataclass
class Axe:
    """Looks at one page after the other. Each look of text is judged on the first page that has it."""

    seen: set[str] = field(default_factory=set)

    def comes_with(self, context: BrowserContext) -> None:
        """Axe is in every page that this context opens."""
        assert SCRIPT.exists(), "The browser tests need axe-core: make develop"
        context.add_init_script(path=SCRIPT)

    def findings(self, page: Page) -> list[str]:
        """What is wrong with the page that is open: by axe, for a phone, and with its closed controls."""
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        found = page.evaluate(FINDINGS, [None, WITHOUT_COLOUR]) + self._of_colours(page)
        page.emulate_media(color_scheme="dark")
        found += [f"dark: {one}" for one in self._of_colours(page)]
        page.set_viewport_size({"width": 390, "height": 900})
        found += page.evaluate(ON_A_PHONE)
        return [f"{page.url}: {one}" for one in found]

    def _of_colours(self, page: Page) -> list[str]:
        fresh = [look for look in page.evaluate(LOOKS) if look not in self.seen]
        self.seen.update(fresh)
        return page.evaluate(FINDINGS, [fresh, COLOUR_ALONE]) if fresh else []
