// The command that `make bench` has supervised. Before all else it looks at the clock, and leaves what it saw
// in the file $BENCH_OUT (numbers of 8 bytes: the launch, how many follow, and these). Then it waits for ever;
// with BENCH_LIFE for so many milliseconds, and leaves the time of its end, too; with BENCH_WORDS it writes
// so many lines when TERM comes.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static long long clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static volatile int told;

static void note(int signal) {
    (void)signal;
    told = 1;
}

int main(void) {
    long long now = clock_now(), *seen;
    char *out = getenv("BENCH_OUT"), *life = getenv("BENCH_LIFE"), *words = getenv("BENCH_WORDS");
    if (words) {
        sigset_t held, before;
        sigemptyset(&held);
        sigaddset(&held, SIGTERM);
        sigprocmask(SIG_BLOCK, &held, &before);
        signal(SIGTERM, note);
    }
    int file = out ? open(out, O_RDWR) : -1;
    seen = file < 0 ? 0 : mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (seen) seen[2 + __atomic_fetch_add(seen + 1, 1, __ATOMIC_SEQ_CST)] = now;
    if (words) {
        sigset_t none;
        sigemptyset(&none);
        while (!told) sigsuspend(&none);
        for (int n = atoi(words); n > 0; n--)
            if (write(1, "one of my last words\n", 21) < 0) return 1;
        return 0;
    }
    if (!life) for (;;) pause();
    struct timespec time = {atoi(life) / 1000, atoi(life) % 1000 * 1000000};
    nanosleep(&time, 0);
    if (seen) seen[2 + __atomic_fetch_add(seen + 1, 1, __ATOMIC_SEQ_CST)] = clock_now();
    _exit(0);
}
