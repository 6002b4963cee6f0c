// Writes lines to standard output, as the input of a logger. LENGTH includes the newline.
//
//   feed bulk BYTES LENGTH     as many lines as fit into BYTES, 64 KiB per write
//   feed lines COUNT LENGTH    one line per write
//   feed paced COUNT RATE      RATE lines of 100 bytes per second, in at most 50 writes per second
//   feed latency COUNT FILE    one line at a time: waits until FILE has grown, and prints on standard error how many
//                              nanoseconds that took
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 65536 };

static void put(const char *bytes, size_t count) {
    while (count) {
        ssize_t n = write(1, bytes, count);
        if (n < 0) exit(1);
        bytes += n;
        count -= n;
    }
}

static long long clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// Polls without a sleep: the latency is shorter than any sleep, and the logger runs on another CPU.
static void feed_latency(long count, const char *path) {
    struct stat stat;
    int file;
    while ((file = open(path, O_RDONLY)) < 0) usleep(1000);
    fstat(file, &stat);
    for (off_t size = stat.st_size; count > 0; count--) {
        usleep(2000);
        long long started = clock_now();
        put("one line, and when it can be seen\n", 34);
        do fstat(file, &stat);
        while (stat.st_size == size);
        fprintf(stderr, "%lld\n", clock_now() - started);
        size = stat.st_size;
    }
}

static void feed_paced(char *text, long count, long rate) {
    long lines = rate > 50 ? rate / 50 : 1;
    for (long n = 1; n <= lines; n++) text[n * 100 - 1] = '\n';
    long long next = clock_now();
    for (; count > 0; count -= lines) {
        put(text, lines * 100);
        next += lines * 1000000000LL / rate;
        struct timespec time = {.tv_sec = next / 1000000000, .tv_nsec = next % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
    }
}

static void feed_lines(char *text, long long count, size_t length) {
    text[length - 1] = '\n';
    for (; count > 0; count--) put(text, length);
}

// Lines of at most CHUNK bytes: `text` holds so many of them that a chunk can start anywhere in the first one.
static void feed_short(char *text, size_t size, long long bytes, long long length) {
    for (size_t end = length; end <= size; end += length) text[end - 1] = '\n';
    for (long long done = 0; done < bytes; done += CHUNK)
        put(text + done % length, bytes - done < CHUNK ? bytes - done : CHUNK);
}

// Longer lines, a chunk at a time.
static void feed_long(const char *text, long long bytes, long long length) {
    for (; bytes > 0; bytes -= length) {
        long long left = length - 1;
        for (; left > CHUNK; left -= CHUNK) put(text, CHUNK);
        put(text, left);
        put("\n", 1);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    long long amount = atoll(argv[2]);
    if (!strcmp(argv[1], "latency")) {
        feed_latency(amount, argv[3]);
        return 0;
    }
    size_t length = atoll(argv[3]);
    size_t size = length > CHUNK ? CHUNK : length * (CHUNK / length + 1) + CHUNK;
    char *text = malloc(size);
    memset(text, 'x', size);
    if (!strcmp(argv[1], "paced")) {
        feed_paced(text, amount, length);
    } else if (!strcmp(argv[1], "lines")) {
        feed_lines(text, amount, length);
    } else if (length <= CHUNK) {
        feed_short(text, size, amount - amount % length, length);
    } else {
        feed_long(text, amount - amount % length, length);
    }
    return 0;
}
