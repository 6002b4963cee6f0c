// Writes lines for a logger to standard output. `feed bulk BYTES LENGTH`: as many as fit, 64 KiB a write;
// `feed lines COUNT LENGTH`: one a write; `feed seen COUNT FILE`: one at a time, each when the last is in FILE, and
// prints how many nanoseconds each took to be there on standard error. LENGTH counts the end of the line.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 65536 };

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

// Where a short sleep is too long: the other processor writes the file meanwhile.
static void seen(long count, const char *path) {
    struct stat at;
    int file;
    while ((file = open(path, O_RDONLY)) < 0) usleep(1000);
    fstat(file, &at);
    for (off_t size = at.st_size; count > 0; count--) {
        usleep(2000);
        long long begun = clock_now();
        put("one line, and when it can be seen\n", 34);
        do fstat(file, &at);
        while (at.st_size == size);
        fprintf(stderr, "%lld\n", clock_now() - begun);
        size = at.st_size;
    }
}

int main(int count, char **words) {
    if (count != 4) return 2;
    long long most = atoll(words[2]);
    size_t length = atoll(words[3]);
    if (!strcmp(words[1], "seen")) {
        seen(most, words[3]);
        return 0;
    }
    // Two pieces, so that each can begin anywhere in a line; a line that is longer is made of x.
    size_t room = length > PIECE ? PIECE : length * (PIECE / length + 1) + PIECE;
    char *text = malloc(room);
    memset(text, 'x', room);
    if (!strcmp(words[1], "lines")) {
        text[length - 1] = '\n';
        for (; most > 0; most--) put(text, length);
        return 0;
    }
    if (length <= PIECE)
        for (size_t end = length; end <= room; end += length) text[end - 1] = '\n';
    most -= most % length;
    for (long long done = 0; done < most;) {
        size_t piece = most - done < PIECE ? most - done : PIECE;
        long long left = (long long)length - done % (long long)length;
        if (length <= PIECE) {
            put(text + done % length, piece);
        } else if (left <= (long long)piece) {
            put(text, left - 1);
            put("\n", 1);
            piece = left;
        } else {
            put(text, piece);
        }
        done += piece;
    }
    return 0;
}
