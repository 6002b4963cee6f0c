// The least that a logger has to do: read as much as a pipe holds, write it. `copy FILE [batch|line]` puts
// each batch, or each line, on the disk. What `make bench` measures others against.
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char buffer[65536];

int main(int count, char **words) {
    int file = open(words[1], O_WRONLY | O_CREAT | O_APPEND, 0644);
    int by_line = count > 2 && !strcmp(words[2], "line");
    ssize_t got;
    while ((got = read(0, buffer, sizeof buffer)) > 0) {
        for (char *at = buffer, *end = buffer + got; at < end;) {
            char *newline = by_line ? memchr(at, '\n', end - at) : 0;
            char *next = newline ? newline + 1 : end;
            if (write(file, at, next - at) < 0) return 1;
            if (count > 2) fdatasync(file);
            at = next;
        }
    }
    return got < 0;
}
