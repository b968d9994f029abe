/* BER as SNMP uses it (RFC 3417, section 8): elements written to and taken from octets. */
#include <stdint.h>
#include <string.h>

typedef uint8_t octet;

enum { INTEGER = 2, STRING = 4, OID = 6, COUNTER32 = 0x41, GAUGE32 = 0x42, TICKS = 0x43, COUNTER64 = 0x46 };

typedef struct {
    const octet *at, *end;
} span;

static octet *put_length(octet *to, int length) {
    if (length > 0xff) {
        *to++ = 0x82;
        *to++ = length >> 8;
    } else if (length > 0x7f)
        *to++ = 0x81;
    *to++ = length;
    return to;
}

static octet *put_number(octet *to, int tag, uint64_t value) {
    int size = 1;
    while (size < 9 && value >> (8 * size - 1))
        size++;
    *to++ = tag;
    *to++ = size;
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
        *to++ = shift > 56 ? 0 : value >> shift;
    return to;
}

static octet *put_text(octet *to, const char *text, int size) {
    *to++ = STRING;
    to = put_length(to, size);
    memcpy(to, text, size);
    return to + size;
}

/* Take one element with this tag off the front of `from`; its content into `content`. */
static int take(span *from, int tag, span *content) {
    const octet *at = from->at;
    if (from->end - at < 2 || *at++ != tag)
        return 0;
    long length = *at++;
    if (length & 0x80) {
        int octets = length & 0x7f;
        if (octets < 1 || octets > 2 || from->end - at < octets)
            return 0;
        for (length = 0; octets; octets--)
            length = length << 8 | *at++;
    }
    if (from->end - at < length)
        return 0;
    content->at = at;
    content->end = from->at = at + length;
    return 1;
}

static long number_of(span content) {
    long value = 0;
    while (content.at < content.end)
        value = value << 8 | *content.at++;
    return value;
}
