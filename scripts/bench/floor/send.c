// The floor for programs that send lines to syslog: one datagram per line.
//
//   send SOCKET [batch]
//
// `batch` passes up to 64 datagrams to each call.
#define _GNU_SOURCE
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BATCH = 64 };
static char buffer[65536];
static struct iovec parts[BATCH][2];
static struct mmsghdr messages[BATCH];

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = ""};
    strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
    int out = socket(AF_UNIX, SOCK_DGRAM, 0), max = argc > 2 ? BATCH : 1;
    if (connect(out, (struct sockaddr *)&address, sizeof address)) return 1;
    for (int i = 0; i < BATCH; i++) {
        parts[i][0] = (struct iovec){"<13>name: ", 10};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = parts[i], .msg_iovlen = 2};
    }
    // The start of the buffer keeps a line whose end has not been read yet.
    size_t partial = 0;
    ssize_t size;
    while ((size = read(0, buffer + partial, sizeof buffer - partial)) > 0) {
        char *at = buffer, *end = buffer + partial + size, *newline;
        while (at < end) {
            int count = 0;
            for (; count < max && (newline = memchr(at, '\n', end - at)); at = newline + 1)
                parts[count++][1] = (struct iovec){at, newline - at};
            if (!count) break;
            for (int sent = 0, n; sent < count; sent += n)
                if ((n = sendmmsg(out, messages + sent, count - sent, 0)) < 0) return 1;
        }
        partial = end - at;
        memmove(buffer, at, partial);
    }
    return 0;
}
