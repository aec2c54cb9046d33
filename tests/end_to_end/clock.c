/* A clock that can be put forward while a program runs, for this program and all that it starts.

Loaded before the C library (LD_PRELOAD). The file named by SHIFTED_CLOCK holds two numbers of nanoseconds: by how much the time
of day is shifted, and by how much the clocks that only ever go on are. Whoever waits until a time is through with it as soon
as that time has come by the shifted clock: a wait looks again every few milliseconds. Waits for a file or socket are left as they
are, and so are the times of files. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define SLICE (20 * SECOND / 1000)

struct shift { volatile int64_t time_of_day, steady; }; /* as `Clock` writes them */

static struct shift none;
static struct shift *shift = &none;

__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("SHIFTED_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *found = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED)
        shift = found;
    close(file);
}

/* What the C library itself does under this name. */
#define REAL(name) \
    static typeof(name) *real; \
    if (!real) \
        real = (typeof(name) *)dlsym(RTLD_NEXT, #name)

static int64_t shift_of(clockid_t clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return shift->time_of_day;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
        return shift->steady;
    default:
        return 0;
    }
}

static int64_t whole(const struct timespec *time) { return time->tv_sec * SECOND + time->tv_nsec; }

static struct timespec parts(int64_t whole)
{
    return (struct timespec){.tv_sec = whole / SECOND, .tv_nsec = whole % SECOND};
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    REAL(clock_gettime);
    int failed = real(clock, time);
    if (!failed)
        *time = parts(whole(time) + shift_of(clock));
    return failed;
}

static int64_t now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return whole(&time);
}

time_t time(time_t *place)
{
    time_t seconds = now(CLOCK_REALTIME) / SECOND;
    if (place)
        *place = seconds;
    return seconds;
}

int gettimeofday(struct timeval *time, void *zone)
{
    (void)zone;
    int64_t whole = now(CLOCK_REALTIME);
    *time = (struct timeval){.tv_sec = whole / SECOND, .tv_usec = whole % SECOND / 1000};
    return 0;
}

/* When to look again while waiting until `end`, as the machine counts; gives whether that is before the end. */
static int next_look(clockid_t clock, int64_t end, struct timespec *look)
{
    int64_t left = end - now(clock);
    *look = parts(now(clock) - shift_of(clock) + (left < SLICE ? left : SLICE));
    return left >= SLICE;
}

int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *end)
{
    REAL(sem_clockwait);
    struct timespec look;
    for (;;) {
        int is_early = next_look(clock, whole(end), &look);
        if (!real(sem, clock, &look))
            return 0;
        if (errno != ETIMEDOUT || !is_early)
            return -1;
    }
}

/* Python waits so for its own lock alone, by the steady clock, for milliseconds. */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *end)
{
    REAL(pthread_cond_timedwait);
    struct timespec look = parts(whole(end) - shift->steady);
    return real(condition, mutex, &look);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
    REAL(clock_nanosleep);
    if (!shift_of(clock) && !(flags & TIMER_ABSTIME))
        return real(clock, flags, time, left);
    int64_t end = flags & TIMER_ABSTIME ? whole(time) : now(clock) + whole(time);
    struct timespec look;
    for (;;) {
        int is_early = next_look(clock, end, &look);
        int failed = real(clock, TIMER_ABSTIME, &look, NULL);
        if (failed || !is_early)
            return failed;
    }
}
