// Creates a volume in an empty UBI device, for a file system. Files are as in <mtd/ubi-user.h>, which musl lacks.
//
//   ubi-volume DEVICE BYTES
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

// struct ubi_mkvol_req
struct request {
    int32_t id, alignment;
    int64_t bytes;
    int8_t type, flags;
    int16_t name_size;
    int8_t padding[4];
    char name[128];
} __attribute__((packed));

enum { DYNAMIC = 3 };

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    struct request request = {.alignment = 1, .bytes = atoll(argv[2]), .type = DYNAMIC, .name_size = 3};
    strcpy(request.name, "log");
    int device = open(argv[1], O_RDONLY);
    // UBI_IOCMKVOL
    if (device < 0 || ioctl(device, _IOW('o', 0, struct request), &request) < 0) {
        perror(argv[1]);
        return 1;
    }
    return 0;
}
