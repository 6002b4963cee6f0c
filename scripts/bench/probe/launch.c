// `launch FILE COMMAND…` leaves the time in FILE, where probe/cmd.c leaves its own, and becomes COMMAND.
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **words) {
    int file = open(words[1], O_RDWR);
    long long *seen = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    struct timespec now;
    (void)count;
    if (seen == MAP_FAILED) return 1;
    close(file);
    *seen = 1; // the page is there now
    clock_gettime(CLOCK_MONOTONIC, &now);
    *seen = now.tv_sec * 1000000000LL + now.tv_nsec;
    execv(words[2], words + 2);
    return 127;
}
