// The floor for loggers: reads up to 64 KiB, the capacity of a pipe, and writes it.
//
//   copy FILE [batch|line]
//
// `batch` and `line` sync the file after each read, or after each line.
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char buffer[65536];

int main(int argc, char **argv) {
    int file = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0644);
    int sync = argc > 2;
    int by_line = sync && !strcmp(argv[2], "line");
    ssize_t size;
    while ((size = read(0, buffer, sizeof buffer)) > 0) {
        for (char *at = buffer, *end = buffer + size; at < end;) {
            char *newline = by_line ? memchr(at, '\n', end - at) : 0;
            char *next = newline ? newline + 1 : end;
            if (write(file, at, next - at) < 0) return 1;
            if (sync) fdatasync(file);
            at = next;
        }
    }
    return size < 0;
}
