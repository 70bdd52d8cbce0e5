/* SPDX-License-Identifier: Apache-2.0 */
/** supervisord over its unix socket: what runs, start, stop, signal. */
#include "control/supervisor.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "control/xmlrpc.h"

enum {
    ANSWER_MAX = 1024 * 1024,
    CALL_MAX = 64 * 1024,
    TIMEOUT_MS = 10000,
    HTTP_OK = 200
};

/* Faults of supervisord that we tell apart. */
enum {
    FAULT_BAD_NAME = 10,
    FAULT_ALREADY_STARTED = 60,
    FAULT_NOT_RUNNING = 70,
    FAULT_ALREADY_ADDED = 90
};

struct supervisor {
    char *socket_path;
    CURL *curl;
    struct curl_slist *headers;
    struct doc_out *out;
    struct buf call;
    struct buf answer;
};

struct supervisor *supervisor_open(const char *socket_path)
{
    struct supervisor *supervisor = xcalloc(1, sizeof(*supervisor));
    supervisor->socket_path = xstrdup(socket_path);
    supervisor->curl = curl_easy_init();
    BUG_IF(supervisor->curl == NULL);
    supervisor->headers = curl_slist_append(NULL, "Content-Type: text/xml");
    BUG_IF(supervisor->headers == NULL);
    supervisor->out = doc_out_new();
    buf_init(&supervisor->call, CALL_MAX);
    buf_init(&supervisor->answer, ANSWER_MAX);
    return supervisor;
}

void supervisor_close(struct supervisor *supervisor)
{
    if (supervisor == NULL) {
        return;
    }
    buf_fini(&supervisor->answer);
    buf_fini(&supervisor->call);
    doc_out_free(supervisor->out);
    curl_slist_free_all(supervisor->headers);
    curl_easy_cleanup(supervisor->curl);
    free(supervisor->socket_path);
    free(supervisor);
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct buf *answer = ctx;
    buf_add(answer, data, size * n);
    return answer->overflow ? 0 : size * n;
}

static void prepare(struct supervisor *supervisor)
{
    CURL *curl = supervisor->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, supervisor->socket_path);
    curl_easy_setopt(curl, CURLOPT_URL, "http://localhost/RPC2");
    /* A proxy in the environment is not meant for a unix socket. */
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, supervisor->headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, buf_str(&supervisor->call));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)supervisor->call.len);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &supervisor->answer);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

static enum err transfer(struct supervisor *supervisor, struct errbuf *why)
{
    long status = 0;
    buf_clear(&supervisor->answer);
    prepare(supervisor);
    CURLcode code = curl_easy_perform(supervisor->curl);
    if (code != CURLE_OK) {
        errbuf_set(why, "supervisord on %s: %s", supervisor->socket_path,
                   curl_easy_strerror(code));
        return ERR_UNAVAILABLE;
    }
    curl_easy_getinfo(supervisor->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != HTTP_OK) {
        errbuf_set(why, "supervisord on %s: HTTP status %ld",
                   supervisor->socket_path, status);
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

/* A call: a method, and the parameters that there are. */
struct request {
    const char *method;
    struct xmlrpc_param params[2];
    size_t n_params;
};

/* One call. *fault is supervisord's number, or 0; then ERR_INVALID too. */
static enum err call(struct supervisor *supervisor,
                     const struct request *request, struct doc *answer,
                     int *fault, struct errbuf *why)
{
    *fault = 0;
    buf_clear(&supervisor->call);
    xmlrpc_call(&supervisor->call, request->method, request->params,
                request->n_params);
    enum err err = transfer(supervisor, why);
    if (err == ERR_OK) {
        err = xmlrpc_parse(buf_str(&supervisor->answer), supervisor->answer.len,
                           supervisor->out, answer, why);
    }
    struct doc_value refused;
    if (err != ERR_OK || !doc_get(*answer, "fault", &refused) ||
        refused.type != DOC_DOC) {
        return err;
    }
    *fault = (int)doc_i64(refused.u.doc, "faultCode", -1);
    errbuf_set(why, "supervisord: %s",
               doc_str(refused.u.doc, "faultString", "refused"));
    return *fault == FAULT_BAD_NAME ? ERR_NOT_FOUND : ERR_INVALID;
}

bool supervisor_is_up(struct supervisor *supervisor)
{
    pid_t pid;
    return supervisor_pid(supervisor, &pid, NULL) == ERR_OK;
}

enum err supervisor_pid(struct supervisor *supervisor, pid_t *pid,
                        struct errbuf *why)
{
    const struct request request = {.method = "supervisor.getPID"};
    struct doc answer;
    int fault;
    enum err err = call(supervisor, &request, &answer, &fault, why);
    if (err == ERR_OK) {
        *pid = (pid_t)doc_i64(answer, "result", 0);
    }
    return err;
}

static void read_process(struct doc info, struct process *process)
{
    (void)snprintf(process->name, sizeof(process->name), "%s",
                   doc_str(info, "name", ""));
    process->state =
        (enum process_state)doc_i64(info, "state", PROCESS_UNKNOWN);
    process->pid = (pid_t)doc_i64(info, "pid", 0);
    process->started_s = doc_i64(info, "start", 0);
    process->now_s = doc_i64(info, "now", 0);
    process->exit_status = (int)doc_i64(info, "exitstatus", 0);
    (void)snprintf(process->note, sizeof(process->note), "%s",
                   doc_str(info, "spawnerr", ""));
}

static void explain_unknown(const char *name, struct errbuf *why)
{
    errbuf_set(why, "%s: no program of that name in supervisord.d", name);
}

enum err supervisor_get(struct supervisor *supervisor, const char *name,
                        struct process *process, struct errbuf *why)
{
    const struct request request = {.method = "supervisor.getProcessInfo",
                                    .params = {{.text = name}},
                                    .n_params = 1};
    struct doc answer;
    int fault;
    enum err err = call(supervisor, &request, &answer, &fault, why);
    if (err == ERR_NOT_FOUND) {
        explain_unknown(name, why);
    }
    if (err == ERR_OK) {
        read_process(doc_sub(answer, "result"), process);
    }
    return err;
}

/* A call that changes a process; the wish may be fulfilled already. */
static enum err change(struct supervisor *supervisor,
                       const struct request *request, int fulfilled,
                       struct errbuf *why)
{
    struct doc answer;
    int fault;
    struct errbuf said = {0};
    enum err err = call(supervisor, request, &answer, &fault, &said);
    if (err == ERR_OK || fault == fulfilled) {
        return ERR_OK;
    }
    if (err == ERR_NOT_FOUND) {
        explain_unknown(request->params[0].text, why);
    } else {
        errbuf_set(why, "%s: %s", request->params[0].text, said.text);
    }
    return err;
}

enum err supervisor_start(struct supervisor *supervisor, const char *name,
                          struct errbuf *why)
{
    const struct request request = {.method = "supervisor.startProcess",
                                    .params = {{.text = name}, {.flag = false}},
                                    .n_params = 2};
    return change(supervisor, &request, FAULT_ALREADY_STARTED, why);
}

enum err supervisor_stop(struct supervisor *supervisor, const char *name,
                         struct errbuf *why)
{
    const struct request request = {.method = "supervisor.stopProcess",
                                    .params = {{.text = name}, {.flag = false}},
                                    .n_params = 2};
    return change(supervisor, &request, FAULT_NOT_RUNNING, why);
}

enum err supervisor_signal(struct supervisor *supervisor, const char *name,
                           const char *signal, struct errbuf *why)
{
    const struct request request = {
        .method = "supervisor.signalProcess",
        .params = {{.text = name}, {.text = signal}},
        .n_params = 2};
    return change(supervisor, &request, FAULT_NOT_RUNNING, why);
}

enum err supervisor_shutdown(struct supervisor *supervisor, struct errbuf *why)
{
    const struct request request = {.method = "supervisor.shutdown"};
    struct doc answer;
    int fault;
    return call(supervisor, &request, &answer, &fault, why);
}

/* Groups of programs that a reload has found: [[added, changed, removed]]. */
struct groups {
    char **names;
    size_t n;
};

static void groups_free(struct groups *groups)
{
    for (size_t i = 0; i < groups->n; i++) {
        free(groups->names[i]);
    }
    free(groups->names);
}

static void take_groups(struct doc list, const char *prefix,
                        struct groups *groups)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    doc_iter_init(&it, list);
    while (doc_next(&it, &index, &value)) {
        if (value.type == DOC_STRING && str_starts(value.u.s.text, prefix)) {
            groups->names =
                xrealloc_array(groups->names, groups->n + 1, sizeof(char *));
            groups->names[groups->n++] = xstrdup(value.u.s.text);
        }
    }
}

/* The member of a list; empty when it is none. */
static struct doc list_at(struct doc list, const char *index)
{
    return doc_sub(list, index);
}

static enum err read_groups(struct supervisor *supervisor, const char *prefix,
                            struct groups *added, struct groups *removed,
                            struct errbuf *why)
{
    const struct request request = {.method = "supervisor.reloadConfig"};
    struct doc answer;
    int fault;
    enum err err = call(supervisor, &request, &answer, &fault, why);
    if (err == ERR_OK) {
        struct doc lists = list_at(doc_sub(answer, "result"), "0");
        take_groups(list_at(lists, "0"), prefix, added);
        take_groups(list_at(lists, "2"), prefix, removed);
    }
    return err;
}

static enum err change_groups(struct supervisor *supervisor, const char *method,
                              int fulfilled, const struct groups *groups,
                              struct errbuf *why)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < groups->n && err == ERR_OK; i++) {
        const struct request request = {.method = method,
                                        .params = {{.text = groups->names[i]}},
                                        .n_params = 1};
        err = change(supervisor, &request, fulfilled, why);
    }
    return err;
}

enum err supervisor_update(struct supervisor *supervisor, const char *prefix,
                           struct errbuf *why)
{
    struct groups added = {NULL, 0};
    struct groups removed = {NULL, 0};
    enum err err = read_groups(supervisor, prefix, &added, &removed, why);
    if (err == ERR_OK) {
        err = change_groups(supervisor, "supervisor.removeProcessGroup",
                            FAULT_BAD_NAME, &removed, why);
    }
    if (err == ERR_OK) {
        err = change_groups(supervisor, "supervisor.addProcessGroup",
                            FAULT_ALREADY_ADDED, &added, why);
    }
    groups_free(&removed);
    groups_free(&added);
    return err;
}

const char *process_state_name(enum process_state state)
{
    switch (state) {
    case PROCESS_STOPPED:
        return "stopped";
    case PROCESS_STARTING:
        return "starting";
    case PROCESS_RUNNING:
        return "running";
    case PROCESS_BACKOFF:
        return "backoff";
    case PROCESS_STOPPING:
        return "stopping";
    case PROCESS_EXITED:
        return "exited";
    case PROCESS_FATAL:
        return "fatal";
    case PROCESS_UNKNOWN:
    default:
        return "unknown";
    }
}

bool process_is_down(enum process_state state)
{
    return state == PROCESS_STOPPED || state == PROCESS_EXITED ||
           state == PROCESS_FATAL;
}
