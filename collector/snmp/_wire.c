/* wire.py in C: the same functions, the same results. One system call moves many datagrams, and an answer is compared
 * and read where it lies. The GIL is held throughout and the cyclic collector waits, so no other Python code runs in
 * between: `pending` stays as it is, and the buffers can be the module's.
 */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

enum { INTEGER = 0x02, OCTET_STRING = 0x04, SEQUENCE = 0x30, RESPONSE = 0xA2 };
enum { COUNTER32 = 0x41, GAUGE32 = 0x42, TIME_TICKS = 0x43, COUNTER64 = 0x46 };
enum { BATCH = 64, DATAGRAMS_PER_WAKE = 256, LARGEST_DATAGRAM = 65535, SENT_TOGETHER = 1 << 17 };
/* Not a power of two, or the beginnings of all datagrams would share a few sets of the processor's caches. */
enum { STRIDE = 65536 + 9 * 64 };

typedef uint8_t octet;
typedef struct {
    const octet *at, *end;
} span;
typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

enum { FILENO, HEAD, TAIL, REQUEST_ID, TARGET, SESSION, TEMPLATE, EXPECTED, NAMES };
static const char *texts[] = {"fileno", "head", "tail", "request_id", "target", "session", "template", "expected"};
static PyObject *names[NAMES]; /* of attributes, interned */
static octet received[BATCH][STRIDE]; /* pages that nothing is written to take no memory */
static struct mmsghdr messages[BATCH];
static struct iovec vectors[BATCH];
static address sources[BATCH];

/* Take an element with this tag off the front of `from`; lengths as in ber.read_header. */
static bool element(span *from, int tag, span *content) {
    const octet *at = from->at;
    if (from->end - at < 2 || at[0] != tag)
        return false;
    size_t size = at[1];
    at += 2;
    if (size >= 0x80) {
        int octets = size & 0x7f;
        if (octets < 1 || octets > 4 || from->end - at < octets)
            return false;
        for (size = 0; octets; octets--)
            size = size << 8 | *at++;
    }
    if ((size_t)(from->end - at) < size)
        return false;
    *content = (span){at, at + size};
    from->at = at + size;
    return true;
}

static bool is_one(span integer) {
    while (integer.end - integer.at > 1 && !*integer.at)
        integer.at++;
    return integer.end - integer.at == 1 && *integer.at == 1;
}

/* The request id and the variable bindings of a response PDU without error, which must be all of `data`. */
static bool opened_pdu(span data, uint32_t *request_id, span *bindings) {
    static const octet identity_header[] = {INTEGER, 4}, no_error[] = {INTEGER, 1, 0, INTEGER, 1, 0};
    span pdu;
    if (!element(&data, RESPONSE, &pdu) || data.at != data.end || pdu.end - pdu.at < 12 ||
        memcmp(pdu.at, identity_header, 2) || memcmp(pdu.at + 6, no_error, 6))
        return false;
    memcpy(request_id, pdu.at + 2, 4);
    *request_id = ntohl(*request_id);
    pdu.at += 12;
    return element(&pdu, SEQUENCE, bindings) && pdu.at == pdu.end;
}

/* The same of a v2c message (RFC 1901, RFC 3416). */
static bool opened(span data, uint32_t *request_id, span *bindings) {
    span message, version, community;
    return element(&data, SEQUENCE, &message) && data.at == data.end && element(&message, INTEGER, &version) &&
           is_one(version) && element(&message, OCTET_STRING, &community) && opened_pdu(message, request_id, bindings);
}

/* NULL without an exception, here and below: not as expected. */
static PyObject *value(int tag, const octet *at, size_t size) {
    if (tag == OCTET_STRING)
        return PyBytes_FromStringAndSize((const char *)at, size);
    bool is_unsigned = tag == COUNTER32 || tag == GAUGE32 || tag == TIME_TICKS || tag == COUNTER64;
    size_t most = tag == COUNTER64 ? 8 : is_unsigned || tag == INTEGER ? 4 : 0;
    if (is_unsigned && size == most + 1 && !*at)
        at++, size--; /* the zero that keeps a large number from being negative */
    if (size < 1 || size > most)
        return NULL;
    if (is_unsigned) {
        unsigned long long number = 0;
        while (size--)
            number = number << 8 | *at++;
        return PyLong_FromUnsignedLongLong(number);
    }
    long number = *at & 0x80 ? -1 : 0;
    while (size--)
        number = number * 256 + *at++;
    return PyLong_FromLong(number);
}

/* The value of one variable binding, taken off the front of `from`, if it is as template.Expected says. */
static PyObject *binding(span *from, PyObject *expected) {
    if (!PyTuple_Check(expected) || PyTuple_GET_SIZE(expected) != 3 || !PyBytes_Check(PyTuple_GET_ITEM(expected, 0)))
        return NULL;
    PyObject *octets = PyTuple_GET_ITEM(expected, 0), *text = PyTuple_GET_ITEM(expected, 1);
    long tag = PyLong_AsLong(PyTuple_GET_ITEM(expected, 2));
    size_t size = PyBytes_GET_SIZE(octets), left = from->end - from->at;
    const octet *at = from->at;
    if (tag < 0)
        return NULL;
    if (text != Py_None) {
        if (left < size || memcmp(at, PyBytes_AS_STRING(octets), size))
            return NULL;
        from->at += size;
        return Py_NewRef(text);
    }
    if (left < size + 4 || at[0] != SEQUENCE || at[1] >= 0x80 || memcmp(at + 2, PyBytes_AS_STRING(octets), size))
        return NULL;
    size_t length = at[size + 3];
    if (at[1] != size + 2 + length || left < size + 4 + length || (tag && tag != at[size + 2]))
        return NULL;
    from->at += size + 4 + length;
    return value(at[size + 2], at + size + 4, length);
}

static PyObject *values(PyObject *expected, span bindings) {
    PyObject *found = PyTuple_Check(expected) ? PyList_New(PyTuple_GET_SIZE(expected)) : NULL;
    for (Py_ssize_t each = 0; found && each < PyList_GET_SIZE(found); each++) {
        PyObject *one = binding(&bindings, PyTuple_GET_ITEM(expected, each));
        if (one)
            PyList_SET_ITEM(found, each, one);
        else
            Py_CLEAR(found);
    }
    if (found && bindings.at != bindings.end)
        Py_CLEAR(found);
    return found;
}

/* What the ask's template says of them. */
static PyObject *values_for(PyObject *ask, span bindings) {
    PyObject *template = PyObject_GetAttr(ask, names[TEMPLATE]), *expected = NULL, *found = NULL;
    if (template && template != Py_None)
        expected = PyObject_GetAttr(template, names[EXPECTED]);
    if (expected)
        found = values(expected, bindings);
    Py_XDECREF(expected);
    Py_XDECREF(template);
    return found;
}

/* Fill in what (host, port) or (host, port, flow, scope) says. Its size; 0 when it is no literal address, -1 with an
 * exception. */
static int to_address(PyObject *target, address *to) {
    unsigned port, flow = 0, scope = 0;
    const char *host;
    if (!PyTuple_Check(target))
        return 0;
    if (!PyArg_ParseTuple(target, "sI|II", &host, &port, &flow, &scope))
        return -1;
    memset(to, 0, sizeof *to);
    if (port > UINT16_MAX)
        return 0;
    if (PyTuple_GET_SIZE(target) == 2) {
        to->v4.sin_family = AF_INET;
        to->v4.sin_port = htons(port);
        return inet_pton(AF_INET, host, &to->v4.sin_addr) == 1 ? sizeof to->v4 : 0;
    }
    to->v6.sin6_family = AF_INET6;
    to->v6.sin6_port = htons(port);
    to->v6.sin6_flowinfo = htonl(flow);
    to->v6.sin6_scope_id = scope;
    return inet_pton(AF_INET6, host, &to->v6.sin6_addr) == 1 ? sizeof to->v6 : 0;
}

static PyObject *from_address(const address *from) {
    char host[INET6_ADDRSTRLEN];
    if (from->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &from->v4.sin_addr, host, sizeof host);
        return Py_BuildValue("(si)", host, ntohs(from->v4.sin_port));
    }
    if (from->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &from->v6.sin6_addr, host, sizeof host);
        return Py_BuildValue("(siII)", host, ntohs(from->v6.sin6_port), ntohl(from->v6.sin6_flowinfo),
                             from->v6.sin6_scope_id);
    }
    return Py_NewRef(Py_None);
}

/* Whether it was asked there, and under SNMPv2c; -1 with an exception. */
static int is_asked(PyObject *ask, const address *from) {
    PyObject *target = PyObject_GetAttr(ask, names[TARGET]), *session = NULL;
    address to;
    int size = target ? to_address(target, &to) : -1;
    if (size > 0 && !(session = PyObject_GetAttr(ask, names[SESSION])))
        size = -1;
    Py_XDECREF(session);
    Py_XDECREF(target);
    return size <= 0 ? size : session == Py_None && !memcmp(&to, from, size);
}

/* (ask, values, octets) for whoever waits for them, who then waits no longer. */
static PyObject *answer(span data, const address *from, PyObject *pending) {
    uint32_t request_id;
    span bindings;
    if (!opened(data, &request_id, &bindings))
        return NULL;
    PyObject *key = PyLong_FromUnsignedLong(request_id), *size = NULL, *found = NULL, *all = NULL;
    PyObject *ask = key ? PyDict_GetItemWithError(pending, key) : NULL;
    Py_XINCREF(ask);
    if (ask && is_asked(ask, from) > 0)
        found = values_for(ask, bindings);
    if (found && (size = PyLong_FromSsize_t(data.end - data.at)))
        all = PyTuple_Pack(3, ask, found, size);
    if (all && PyDict_DelItem(pending, key))
        Py_CLEAR(all);
    Py_XDECREF(size);
    Py_XDECREF(found);
    Py_XDECREF(ask);
    Py_XDECREF(key);
    return all;
}

static int take(span data, const address *from, PyObject *pending, PyObject *answered, PyObject *odd) {
    PyObject *list = answered, *item = answer(data, from, pending);
    if (!item && !PyErr_Occurred()) {
        list = odd;
        item = Py_BuildValue("(y#N)", data.at, data.end - data.at, from_address(from));
    }
    int failed = item ? PyList_Append(list, item) : -1;
    Py_XDECREF(item);
    return failed;
}

/* -1 with an exception, or for a closed socket, which the next system call refuses. */
static int file_descriptor(PyObject *sock) {
    PyObject *number = PyObject_CallMethodNoArgs(sock, names[FILENO]);
    long descriptor = number ? PyLong_AsLong(number) : -1;
    Py_XDECREF(number);
    return descriptor;
}

/* Up to BATCH datagrams; how many there were, -1 with an exception, as `take`. */
static int take_batch(int descriptor, PyObject *pending, PyObject *answered, PyObject *odd) {
    int got = recvmmsg(descriptor, messages, BATCH, MSG_DONTWAIT, NULL), failed = 0;
    if (got < 0) {
        if (errno == EAGAIN || PyList_GET_SIZE(answered) || PyList_GET_SIZE(odd))
            return 0;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    for (int each = 0; each < got; each++) {
        struct mmsghdr *message = &messages[each];
        const octet *start = vectors[each].iov_base;
        if (!message->msg_hdr.msg_namelen)
            sources[each].any.sa_family = AF_UNSPEC;
        message->msg_hdr.msg_namelen = sizeof *sources;
        if (!failed)
            failed = take((span){start, start + message->msg_len}, &sources[each], pending, answered, odd);
    }
    return failed ? -1 : got;
}

static PyObject *receive(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *sock, *pending, *result = NULL;
    if (!PyArg_ParseTuple(args, "OO!:receive", &sock, &PyDict_Type, &pending))
        return NULL;
    int descriptor = file_descriptor(sock), got = PyErr_Occurred() ? -1 : BATCH, collects = PyGC_Disable();
    PyObject *answered = PyList_New(0), *odd = PyList_New(0);
    if (answered && odd) {
        for (int taken = 0; got == BATCH && taken < DATAGRAMS_PER_WAKE; taken += BATCH)
            got = take_batch(descriptor, pending, answered, odd);
        if (got >= 0)
            result = PyTuple_Pack(2, answered, odd);
    }
    Py_XDECREF(answered);
    Py_XDECREF(odd);
    if (collects)
        PyGC_Enable();
    return result;
}

static PyObject *pdu_values(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *ask;
    const char *pdu;
    Py_ssize_t size;
    uint32_t request_id;
    span bindings;
    if (!PyArg_ParseTuple(args, "Oy#:pdu_values", &ask, &pdu, &size))
        return NULL;
    if (!opened_pdu((span){(const octet *)pdu, (const octet *)pdu + size}, &request_id, &bindings))
        Py_RETURN_NONE;
    PyObject *number = PyObject_GetAttr(ask, names[REQUEST_ID]), *found = NULL;
    if (number && PyLong_AsUnsignedLong(number) == request_id)
        found = values_for(ask, bindings);
    Py_XDECREF(number);
    return found || PyErr_Occurred() ? found : Py_NewRef(Py_None);
}

/* Write the ask's datagram to `at` and its target to `to`. Its size, more than `room` when it was not written; -1 with
 * an exception. */
static Py_ssize_t put(PyObject *ask, octet *at, Py_ssize_t room, address *to, int *to_size) {
    PyObject *head = PyObject_GetAttr(ask, names[HEAD]), *tail = head ? PyObject_GetAttr(ask, names[TAIL]) : NULL;
    PyObject *number = tail ? PyObject_GetAttr(ask, names[REQUEST_ID]) : NULL;
    PyObject *target = number ? PyObject_GetAttr(ask, names[TARGET]) : NULL;
    char *before, *after;
    Py_ssize_t size = -1, before_size, after_size;
    if (target && !PyBytes_AsStringAndSize(head, &before, &before_size) &&
        !PyBytes_AsStringAndSize(tail, &after, &after_size) && (*to_size = to_address(target, to)) >= 0) {
        uint32_t request_id = htonl(PyLong_AsUnsignedLong(number));
        size = PyErr_Occurred() ? -1 : before_size + 4 + after_size;
        if (size > 0 && size <= room) {
            memcpy(at, before, before_size);
            memcpy(at + before_size, &request_id, 4);
            memcpy(at + before_size + 4, after, after_size);
        }
    }
    Py_XDECREF(target);
    Py_XDECREF(number);
    Py_XDECREF(tail);
    Py_XDECREF(head);
    return size;
}

/* Up to BATCH asks from `first`: how many, and in `sent` how many of them went out, -1 with errno. -1 with an
 * exception. */
static int send_batch(int descriptor, PyObject *asks, Py_ssize_t first, int *sent) {
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    address to[BATCH];
    octet octets[SENT_TOGETHER];
    Py_ssize_t used = 0;
    int ready = 0;
    while (ready < BATCH && first + ready < PyList_GET_SIZE(asks)) {
        int to_size;
        PyObject *ask = Py_NewRef(PyList_GET_ITEM(asks, first + ready));
        Py_ssize_t size = put(ask, octets + used, SENT_TOGETHER - used, &to[ready], &to_size);
        Py_DECREF(ask);
        if (size < 0)
            return -1;
        if (size > SENT_TOGETHER - used)
            break;
        vectors[ready] = (struct iovec){octets + used, size};
        messages[ready].msg_hdr = (struct msghdr){
            .msg_name = &to[ready], .msg_namelen = to_size, .msg_iov = &vectors[ready], .msg_iovlen = 1};
        used += size;
        ready++;
    }
    errno = EMSGSIZE;
    *sent = ready ? sendmmsg(descriptor, messages, ready, MSG_DONTWAIT) : -1;
    return ready;
}

static PyObject *send_asks(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *sock, *asks;
    if (!PyArg_ParseTuple(args, "OO!:send", &sock, &PyList_Type, &asks))
        return NULL;
    int descriptor = file_descriptor(sock);
    if (PyErr_Occurred())
        return NULL;
    Py_ssize_t done = 0;
    while (done < PyList_GET_SIZE(asks)) {
        int sent, ready = send_batch(descriptor, asks, done, &sent);
        if (ready < 0)
            return NULL;
        if (sent < 0 && errno != EAGAIN && !done)
            return PyErr_SetFromErrno(PyExc_OSError);
        done += sent > 0 ? sent : 0;
        if (sent < ready || !ready)
            break;
    }
    return PyLong_FromSsize_t(done);
}

static PyMethodDef functions[] = {
    {"send", send_asks, METH_VARARGS, "send(sock, asks) -> int, as wire.pure_send"},
    {"receive", receive, METH_VARARGS, "receive(sock, pending) -> (answered, odd), as wire.pure_receive"},
    {"pdu_values", pdu_values, METH_VARARGS, "pdu_values(ask, pdu) -> list | None, as wire.pure_pdu_values"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_wire", .m_size = -1, .m_methods = functions};

PyMODINIT_FUNC PyInit__wire(void) {
    for (int each = 0; each < BATCH; each++) {
        vectors[each] = (struct iovec){received[each], LARGEST_DATAGRAM};
        messages[each].msg_hdr = (struct msghdr){
            .msg_name = &sources[each], .msg_namelen = sizeof *sources, .msg_iov = &vectors[each], .msg_iovlen = 1};
    }
    for (int each = 0; each < NAMES; each++)
        names[each] = PyUnicode_InternFromString(texts[each]);
    return PyErr_Occurred() ? NULL : PyModule_Create(&definition);
}
