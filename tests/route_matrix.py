"""Who gets which answer at which address: the matrix of permissions, as data.

ada develops the project air, ben collaborates in it, dan develops another project, cat checks outputs, pat publishes them,
sam is staff. All things named are ada's or air's, and a form is sent empty: 422 tells that the person may and the form
may not, 409 that it is not there for this person. `login` leads to the page for logging in. The last column is the answer
to sam for a thing nobody has. The roles are those of the specification (sections 4, 6 and 7).
"""

WHO = ("visitor", "ada", "ben", "dan", "cat", "pat", "sam")
ROWS = """
GET  /login/                                               200   303   303   303   303   303   303   303
POST /login-with-token/                                    422   422   422   422   422   422   422   422
GET  /login-with-token/                                    303   303   303   303   303   303   303   303
POST /logout/                                              303   303   303   303   303   303   303   303
POST /login/github/                                        404   404   404   404   404   404   404   404
GET  /complete/github/                                     404   404   404   404   404   404   404   404
POST /login/oidc/                                          404   404   404   404   404   404   404   404
GET  /complete/oidc/                                       404   404   404   404   404   404   404   404
GET  /enter-your-name/                                     login 200   200   200   200   200   200   200
POST /enter-your-name/                                     login 422   422   422   422   422   422   422
GET  /api/v2/token/                                        403   403   403   403   403   403   403   403
GET  /settings/                                            login 200   200   200   200   200   200   200
POST /settings/                                            login 422   422   422   422   422   422   422
GET  /settings/email/<signed>/                             login 200   404   404   404   404   404   404
POST /settings/email/<signed>/                             login 303   404   404   404   404   404   404
POST /settings/email/withdraw/                             login 303   303   303   303   303   303   303
POST /settings/token/                                      login 200   200   200   200   200   200   200
GET  /settings/token/                                      login 303   303   303   303   303   303   303
POST /settings/sessions/<number>/end/                      login 303   409   409   409   409   409   409
POST /settings/log-out-everywhere/                         login 303   303   303   303   303   303   303
GET  /settings/tokens/                                     login 200   200   200   200   200   200   200
POST /settings/tokens/                                     login 422   422   422   422   422   422   422
GET  /settings/tokens/<number>/revoke/                     login 200   404   404   404   404   404   404
POST /settings/tokens/<number>/revoke/                     login 303   409   409   409   409   409   409
GET  /projects/                                            200   200   200   200   200   200   200   200
GET  /projects/<slug>/                                     200   200   200   200   200   200   200   404
GET  /projects/<slug>/edit/                                login 200   403   403   403   403   403   404
POST /projects/<slug>/edit/                                login 422   403   403   403   403   403   404
GET  /projects/<slug>/new-workspace/                       login 200   404   404   404   404   404   404
POST /projects/<slug>/new-workspace/                       login 422   404   404   404   404   404   404
GET  /orgs/                                                login 200   200   200   200   200   200   200
GET  /organisations/                                       200   200   200   200   200   200   200   200
GET  /orgs/<slug>/                                         200   200   200   200   200   200   200   404
GET  /<first>/<rest>                                       404   404   404   404   404   404   404   404
GET  /                                                     200   200   200   200   200   200   200   200
POST /seen/                                                login 422   422   422   422   422   422   422
GET  /apply/                                               404   404   404   404   404   404   404   404
GET  /health-check/                                        200   200   200   200   200   200   200   200
GET  /workspaces/                                          login 200   200   200   200   200   200   200
GET  /workspaces/new/                                      login 200   200   200   200   200   200   200
GET  /<name>/                                              200   200   200   200   200   200   200   404
GET  /<name>/edit/                                         login 200   403   403   403   403   403   404
POST /<name>/edit/                                         login 303   403   403   403   403   403   404
POST /<name>/archive-toggle/                               login 422   403   403   403   403   403   404
POST /<name>/notifications-toggle/                         login 422   403   403   403   403   403   404
POST /<name>/refresh/                                      login 303   403   403   403   403   403   404
GET  /projects/<slug>/members/                             login 403   403   403   403   403   200   404
POST /projects/<slug>/members/                             login 403   403   403   403   403   422   404
GET  /projects/<slug>/members/<username>/                  login 403   403   403   403   403   200   404
POST /projects/<slug>/members/<username>/                  login 403   403   403   403   403   303   404
GET  /users/                                               200   200   200   200   200   200   200   200
GET  /users/<username>/                                    200   200   200   200   200   200   200   404
GET  /publish-repo/<repo>/                                 login 200   200   404   404   404   200   404
POST /publish-repo/<repo>/                                 login 422   422   404   404   404   422   404
GET  /publish-repo/<repo>/confirm/                         login 200   200   404   404   404   200   404
GET  /repo/<repo>/                                         302   302   302   302   302   302   302   404
GET  /event-log/                                           200   200   200   200   200   200   200   200
GET  /event-list/                                          301   301   301   301   301   301   301   301
GET  /jobs/                                                301   301   301   301   301   301   301   301
GET  /<name>/logs/                                         200   200   200   200   200   200   200   404
GET  /projects/<slug>/logs/                                200   200   200   200   200   200   200   404
GET  /orgs/<slug>/logs/                                    200   200   200   200   200   200   200   404
GET  /users/<username>/logs/                               200   200   200   200   200   200   200   404
GET  /job-requests/<number>/                               302   302   302   302   302   302   302   404
GET  /jobs/<identifier>/                                   302   302   302   302   302   302   302   404
GET  /<name>/<number>/                                     200   200   200   200   200   200   200   404
GET  /<name>/<number>/project.yaml                         200   200   200   200   200   200   200   404
GET  /<name>/<number>/compare/<older>/                     login 200   200   403   200   200   200   404
GET  /<name>/<number>/cancel/                              login 200   403   403   403   403   403   404
POST /<name>/<number>/cancel/                              login 303   403   403   403   403   403   404
GET  /<name>/<number>/<identifier>/                        200   200   200   200   200   200   200   404
GET  /<name>/<number>/<identifier>/cancel/                 login 200   403   403   403   403   403   404
POST /<name>/<number>/<identifier>/cancel/                 login 303   403   403   403   403   403   404
GET  /<name>/run-jobs/                                     login 200   404   404   404   404   404   404
POST /<name>/run-jobs/                                     login 422   404   404   404   404   404   404
GET  /<name>/run-jobs/<ref>/                               login 200   404   404   404   404   404   404
POST /<name>/run-jobs/<ref>/                               login 422   404   404   404   404   404   404
GET  /<name>/<number>/<identifier>/log/                    login 200   404   404   200   404   404   404
GET  /<name>/<number>/<identifier>/log/raw                 login 200   404   404   200   404   404   404
GET  /<name>/<number>/<identifier>/log/stream              login 200   404   404   200   404   404   404
GET  /<workspace>/level-4/                                 login 200   404   404   200   404   404   404
GET  /<workspace>/level-4/<backend>/                       login 200   404   404   200   404   404   404
GET  /<workspace>/level-4/<backend>/<path>                 login 200   404   404   200   404   404   404
GET  /<workspace>/files/                                   login 301   404   404   301   404   404   404
GET  /<workspace>/level-4/<backend>/-/reading/<path>       login 200   404   404   200   404   404   404
GET  /<workspace>/level-4/<backend>/-/content/<path>       login 404   404   404   404   404   404   404
GET  /<workspace>/level-4/<backend>/-/code/<commit>/<path> login 404   404   404   404   404   404   404
GET  /policy/                                              login 200   200   200   200   200   200   200
GET  /policy/<policy>/<version>/                           login 200   200   200   200   200   200   404
GET  /inbox/                                               login 200   200   200   200   200   200   200
GET  /inbox/unread/                                        login 200   200   200   200   200   200   200
POST /inbox/read/                                          login 303   303   303   303   303   303   303
POST /inbox/<number>/read/                                 login 303   404   404   404   404   404   404
GET  /inbox/read/                                          login 303   303   303   303   303   303   303
GET  /inbox/<number>/read/                                 login 303   303   303   303   303   303   303
GET  /settings/notifications/                              login 200   200   200   200   200   200   200
POST /settings/notifications/                              login 422   422   422   422   422   422   422
GET  /unsubscribe/<link>/                                  200   200   200   200   200   200   200   404
POST /unsubscribe/<link>/                                  200   200   200   200   200   200   200   404
GET  /status/                                              200   200   200   200   200   200   200   200
GET  /metrics                                              200   200   200   200   200   200   200   200
GET  /status/<slug>/                                       200   200   200   200   200   200   200   404
GET  /status/<slug>/db-availability/                       200   200   200   200   200   200   200   404
GET  /staff/alerts/                                        login 403   403   403   403   403   200   200
GET  /staff/alerts/add/                                    login 403   403   403   403   403   200   200
POST /staff/alerts/add/                                    login 403   403   403   403   403   422   422
GET  /staff/alerts/<alert>/                                login 403   403   403   403   403   200   404
POST /staff/alerts/<alert>/                                login 403   403   403   403   403   303   404
GET  /staff/alerts/<alert>/delete/                         login 403   403   403   403   403   200   404
POST /staff/alerts/<alert>/delete/                         login 403   403   403   403   403   200   404
GET  /staff/audit/                                         login 403   403   403   403   403   200   200
GET  /staff/audit/export/                                  login 403   403   403   403   403   422   422
GET  /staff/backends/                                      login 403   403   403   403   403   200   200
GET  /staff/backends/add/                                  login 403   403   403   403   403   200   200
POST /staff/backends/add/                                  login 403   403   403   403   403   422   422
GET  /staff/backends/<backend>/                            login 403   403   403   403   403   200   404
GET  /staff/backends/<backend>/edit/                       login 403   403   403   403   403   200   404
POST /staff/backends/<backend>/edit/                       login 403   403   403   403   403   303   404
POST /staff/backends/<backend>/turn/                       login 403   403   403   403   403   422   404
GET  /staff/backends/<backend>/maintenance/                login 403   403   403   403   403   200   404
POST /staff/backends/<backend>/maintenance/                login 403   403   403   403   403   303   404
GET  /staff/backends/<backend>/rotate/                     login 403   403   403   403   403   200   404
POST /staff/backends/<backend>/rotate/                     login 403   403   403   403   403   422   404
POST /staff/backends/<backend>/members/                    login 403   403   403   403   403   422   404
POST /staff/backends/<backend>/members/<username>/remove/  login 403   403   403   403   403   409   404
GET  /staff/                                               login 403   403   403   403   403   200   200
GET  /staff/dashboards/<dashboard>/                        login 403   403   403   403   403   200   404
GET  /staff/health/                                        login 403   403   403   403   403   200   200
POST /staff/health/deliveries/<identifier>/retry/          login 403   403   403   403   403   303   404
GET  /staff/why/                                           login 403   403   403   403   403   200   200
GET  /staff/projects/<project>/members/                    login 403   403   403   403   403   200   404
POST /staff/projects/<project>/members/                    login 403   403   403   403   403   422   404
GET  /staff/projects/<project>/members/<username>/         login 403   403   403   403   403   200   404
POST /staff/projects/<project>/members/<username>/         login 403   403   403   403   403   303   404
GET  /staff/projects/<project>/members/<username>/remove/  login 403   403   403   403   403   200   404
POST /staff/projects/<project>/members/<username>/remove/  login 403   403   403   403   403   200   404
GET  /staff/organisations/                                 login 403   403   403   403   403   200   200
GET  /staff/organisations/add/                             login 403   403   403   403   403   200   200
POST /staff/organisations/add/                             login 403   403   403   403   403   422   422
GET  /staff/organisations/<org>/                           login 403   403   403   403   403   200   404
GET  /staff/organisations/<org>/edit/                      login 403   403   403   403   403   200   404
POST /staff/organisations/<org>/edit/                      login 403   403   403   403   403   303   404
POST /staff/organisations/<org>/members/                   login 403   403   403   403   403   422   404
POST /staff/organisations/<org>/members/<username>/remove/ login 403   403   403   403   403   409   404
GET  /staff/projects/                                      login 403   403   403   403   403   200   200
GET  /staff/projects/add/                                  login 403   403   403   403   403   200   200
POST /staff/projects/add/                                  login 403   403   403   403   403   422   422
GET  /staff/projects/<project>/made/                       login 403   403   403   403   403   200   404
GET  /staff/projects/<project>/                            login 403   403   403   403   403   200   404
GET  /staff/projects/<project>/edit/                       login 403   403   403   403   403   200   404
POST /staff/projects/<project>/edit/                       login 403   403   403   403   403   303   404
GET  /staff/projects/<project>/data-permissions/           login 403   403   403   403   403   200   404
POST /staff/projects/<project>/data-permissions/           login 403   403   403   403   403   422   404
POST /staff/projects/<project>/data-permissions/remove/    login 403   403   403   403   403   200   404
GET  /staff/repositories/                                  login 403   403   403   403   403   200   200
GET  /staff/repositories/<repo>/                           login 403   403   403   403   403   200   404
GET  /staff/repositories/<repo>/sign-off/                  login 403   403   403   403   403   200   404
POST /staff/repositories/<repo>/sign-off/                  login 403   403   403   403   403   200   404
GET  /staff/requests/                                      login 403   403   403   403   403   200   200
GET  /staff/requests/<number>/cancel/                      login 403   403   403   403   403   200   404
POST /staff/requests/<number>/cancel/                      login 403   403   403   403   403   200   404
GET  /staff/publishing/                                    login 403   403   403   403   403   200   200
GET  /staff/users/                                         login 403   403   403   403   403   200   200
GET  /staff/users/add/                                     login 403   403   403   403   403   200   200
POST /staff/users/add/                                     login 403   403   403   403   403   422   422
GET  /staff/users/<username>/                              login 403   403   403   403   403   200   404
GET  /staff/users/<username>/edit/                         login 403   403   403   403   403   200   404
POST /staff/users/<username>/edit/                         login 403   403   403   403   403   303   404
POST /staff/users/<username>/roles/                        login 403   403   403   403   403   303   404
POST /staff/users/<username>/backends/                     login 403   403   403   403   403   303   404
POST /staff/users/<username>/organisations/                login 403   403   403   403   403   303   404
GET  /staff/users/<username>/clear-roles/                  login 403   403   403   403   403   200   404
POST /staff/users/<username>/clear-roles/                  login 403   403   403   403   403   200   404
GET  /staff/users/<username>/deactivate/                   login 403   403   403   403   403   200   404
POST /staff/users/<username>/deactivate/                   login 403   403   403   403   403   200   404
GET  /staff/users/<username>/reactivate/                   login 403   403   403   403   403   200   404
POST /staff/users/<username>/reactivate/                   login 403   403   403   403   403   200   404
GET  /staff/users/<username>/log-out/                      login 403   403   403   403   403   200   404
POST /staff/users/<username>/log-out/                      login 403   403   403   403   403   200   404
GET  /staff/users/<username>/token/                        login 403   403   403   403   403   200   404
POST /staff/users/<username>/token/                        login 403   403   403   403   403   200   404
GET  /staff/workspaces/                                    login 403   403   403   403   403   200   200
GET  /staff/workspaces/<workspace>/                        login 403   403   403   403   403   200   404
GET  /staff/workspaces/<workspace>/edit/                   login 403   403   403   403   403   200   404
POST /staff/workspaces/<workspace>/edit/                   login 403   403   403   403   403   303   404
GET  /staff/redirects/                                     login 403   403   403   403   403   200   200
GET  /staff/redirects/<redirect>/delete/                   login 403   403   403   403   403   200   404
POST /staff/redirects/<redirect>/delete/                   login 403   403   403   403   403   200   404
GET  /manual/                                              200   200   200   200   200   200   200   200
GET  /manual/<slug>/                                       200   200   200   200   200   200   200   404
GET  /ui/                                                  200   200   200   200   200   200   200   200
GET  /ui-components/                                       301   301   301   301   301   301   301   301
GET  /400                                                  400   400   400   400   400   400   400   400
GET  /403                                                  403   403   403   403   403   403   403   403
GET  /404                                                  404   404   404   404   404   404   404   404
GET  /413                                                  413   413   413   413   413   413   413   413
GET  /429                                                  429   429   429   429   429   429   429   429
GET  /500                                                  200   200   200   200   200   200   200   200
GET  /favicon.ico                                          301   301   301   301   301   301   301   301
GET  /<workspace>/releases/                                200   200   200   200   200   200   200   404
GET  /projects/<slug>/releases/                            login 200   200   403   200   403   200   404
GET  /<workspace>/releases/<release_id>/                   login 200   200   404   200   404   200   404
GET  /<workspace>/releases/<release_id>/<path>             login 200   200   404   200   404   200   404
GET  /<workspace>/releases/<release_id>/<file_id>/content/ login 200   200   404   200   404   200   404
GET  /<workspace>/releases/<release_id>/download/          login 200   200   404   200   404   200   404
GET  /<workspace>/releases/<release_id>/certificate/       login 200   200   404   200   404   200   404
GET  /<workspace>/releases/<release_id>/bundle.zip         login 200   200   404   200   404   200   404
GET  /<workspace>/releases/<release_id>/<file_id>/delete/  login 403   403   403   200   403   403   404
POST /<workspace>/releases/<release_id>/<file_id>/delete/  login 403   403   403   422   403   403   404
GET  /signing-key.txt                                      200   200   200   200   200   200   200   200
GET  /<workspace>/outputs/latest/                          login 200   200   404   200   404   200   404
GET  /<workspace>/outputs/latest/<path>                    login 200   200   404   200   404   200   404
GET  /<workspace>/outputs/latest/download/                 login 200   200   404   200   404   200   404
GET  /publications/                                        200   200   200   200   200   200   200   200
GET  /<workspace>/outputs/                                 200   200   200   200   200   200   200   404
GET  /<workspace>/outputs/new/                             login 200   403   403   403   403   403   404
POST /<workspace>/outputs/new/                             login 422   403   403   403   403   403   404
GET  /<workspace>/outputs/<number>/                        404   200   200   404   200   200   200   404
GET  /<workspace>/outputs/<number>/download/               404   200   200   404   200   200   200   404
GET  /<workspace>/outputs/<number>/bundle.zip              404   200   200   404   200   200   200   404
GET  /<workspace>/outputs/<number>/cite.bib                404   200   200   404   200   200   200   404
GET  /<workspace>/outputs/<number>/edit/                   login 200   403   403   403   403   403   404
POST /<workspace>/outputs/<number>/edit/                   login 303   403   403   403   403   403   404
GET  /<workspace>/outputs/<number>/publish/                login 403   403   403   403   200   403   404
POST /<workspace>/outputs/<number>/publish/                login 403   403   403   403   303   403   404
GET  /<workspace>/outputs/<number>/reject/                 login 403   403   403   403   200   403   404
POST /<workspace>/outputs/<number>/reject/                 login 403   403   403   403   422   403   404
GET  /<workspace>/outputs/<number>/withdraw/               login 403   403   403   403   200   403   404
POST /<workspace>/outputs/<number>/withdraw/               login 403   403   403   403   422   403   404
GET  /<workspace>/outputs/<number>/-/<file_id>/            404   200   200   404   200   200   200   404
GET  /<workspace>/outputs/<number>/<path>                  404   200   200   404   200   200   200   404
GET  /<workspace>/published/<file_id>/                     200   200   200   200   200   200   200   404
GET  /requests/                                            login 200   200   200   200   200   200   200
GET  /requests/<request_id>/                               login 200   404   404   200   404   200   404
POST /requests/<request_id>/                               login 422   404   404   422   404   422   404
GET  /requests/<request_id>/-/audit/                       login 200   404   404   200   404   200   404
GET  /requests/<request_id>/-/record.json                  login 404   404   404   404   404   404   404
GET  /requests/<request_id>/<group>/                       login 200   404   404   200   404   200   404
POST /requests/<request_id>/<group>/                       login 422   404   404   422   404   422   404
GET  /requests/<request_id>/<group>/<path>                 login 200   404   404   200   404   200   404
POST /requests/<request_id>/<group>/<path>                 login 422   404   404   422   404   422   404
GET  /requests/<request_id>/-/content/<number>             login 200   404   404   200   404   200   404
GET  /requests/<request_id>/-/submit/                      login 200   404   404   200   404   200   404
POST /requests/<request_id>/-/submit/                      login 422   404   404   403   404   403   404
GET  /requests/<request_id>/-/my-review/                   login 200   404   404   200   404   200   404
POST /requests/<request_id>/-/my-review/                   login 403   404   404   403   404   403   404
GET  /requests/<request_id>/-/<step>/                      login 200   404   404   200   404   200   404
POST /requests/<request_id>/-/<step>/                      login 303   404   404   403   404   403   404
GET  /requests/new/<workspace>/<backend>/                  login 303   404   404   303   404   404   404
POST /requests/new/<workspace>/<backend>/                  login 422   404   404   422   404   404   404
GET  /requests/<request_id>/-/add/                         login 302   404   404   302   404   302   404
GET  /search/                                              200   200   200   200   200   200   200   200
"""


def rows() -> dict[tuple[str, str], dict[str, str]]:
    """For each method and address the answer to each person, and under `unknown` that to sam for a thing nobody has."""
    read = [line.split() for line in ROWS.strip().splitlines()]
    return {
        (method, rule): dict(zip((*WHO, "unknown"), answers, strict=True)) for method, rule, *answers in read
    }


def table() -> str:
    """The matrix as a table of Markdown."""
    head = ["| address | " + " | ".join((*WHO, "unknown")) + " |", "|---|" + "---|" * (len(WHO) + 1)]
    lines = [
        f"| {method} `{rule}` | " + " | ".join(row.values()) + " |" for (method, rule), row in rows().items()
    ]
    return "\n".join([*head, *lines])
