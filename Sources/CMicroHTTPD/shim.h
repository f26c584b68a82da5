#include <microhttpd.h>
#include <stddef.h>

// What has a variable number of arguments Swift cannot call.

/// A daemon on a socket that listens, polled by its caller; NULL if it cannot be had. It closes the
/// socket at its end.
static inline struct MHD_Daemon *millrace_http_start(
    int listener,
    unsigned int connection_limit,
    size_t connection_byte_limit,
    unsigned int idle_seconds,
    MHD_AccessHandlerCallback handle,
    MHD_NotifyConnectionCallback changed,
    MHD_RequestCompletedCallback completed,
    void *owner
) {
    return MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, handle, owner,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listener,
        MHD_OPTION_CONNECTION_LIMIT, connection_limit,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_byte_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, changed, owner,
        MHD_OPTION_NOTIFY_COMPLETED, completed, owner,
        MHD_OPTION_END
    );
}

/// What becomes readable when the daemon has something to do; -1 if there is none.
static inline int millrace_http_descriptor(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}

/// The socket of a connection; -1 if there is none.
static inline int millrace_http_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

// What the library's closed enumerations are called in Swift depends on their spelling: these are
// the same by names of ours.

static inline enum MHD_Result millrace_http_yes(void) { return MHD_YES; }
static inline enum MHD_Result millrace_http_no(void) { return MHD_NO; }

/// Whether a connection begins, not ends.
static inline int millrace_http_begins(enum MHD_ConnectionNotificationCode code) {
    return code == MHD_CONNECTION_NOTIFY_STARTED;
}

/// The value of a request's header; NULL if it has none.
static inline const char *millrace_http_header(
    struct MHD_Connection *connection,
    const char *name
) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/// A response with a copy of these bytes; NULL if there is no memory.
static inline struct MHD_Response *millrace_http_response(size_t count, void *bytes) {
    return MHD_create_response_from_buffer(count, bytes, MHD_RESPMEM_MUST_COPY);
}
