// The supervised command of the benchmarks. Its first action is to read the clock.
//
// Environment variables:
//   BENCH_TIMES        a file of one page: the time of the launch (probe/launch.c), the number of times that follow,
//                      and these; 64 bits each, in nanoseconds. The command appends the time of its start.
//   BENCH_RUN_MS       exits after this many milliseconds, and appends that time as well. Default: runs forever.
//   BENCH_FINAL_LINES  writes this many lines on SIGTERM, then exits.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile int got_term;
static long long *times;

static void handle_term(int signal) {
    (void)signal;
    got_term = 1;
}

static long long clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// Atomic: several copies of the command may share the page.
static void append_time(long long time) {
    if (times) times[2 + __atomic_fetch_add(times + 1, 1, __ATOMIC_SEQ_CST)] = time;
}

int main(void) {
    long long started = clock_now();
    char *path = getenv("BENCH_TIMES"), *run_ms = getenv("BENCH_RUN_MS"), *final_lines = getenv("BENCH_FINAL_LINES");
    if (final_lines) {
        // Blocked except in sigsuspend, so that no SIGTERM arrives between the check and the wait.
        sigset_t term;
        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        sigprocmask(SIG_BLOCK, &term, 0);
        signal(SIGTERM, handle_term);
    }
    int file = path ? open(path, O_RDWR) : -1;
    if (file >= 0) times = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    append_time(started);
    if (final_lines) {
        sigset_t none;
        sigemptyset(&none);
        while (!got_term) sigsuspend(&none);
        for (int n = atoi(final_lines); n > 0; n--)
            if (write(1, "final line\n", 11) < 0) return 1;
        return 0;
    }
    if (!run_ms)
        for (;;) pause();
    struct timespec duration = {atoi(run_ms) / 1000, atoi(run_ms) % 1000 * 1000000};
    nanosleep(&duration, 0);
    append_time(clock_now());
    _exit(0);
}
