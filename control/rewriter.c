/* SPDX-License-Identifier: Apache-2.0 */
/** Writing partitions.conf and the program files that follow from it, with
 *  the rights of who called. */
#include "control/rewriter.h"

#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "control/plan.h"

struct rewriter {
    char *conf;  /* partitions.conf */
    char *setup; /* the program that makes program files */
    pid_t helper;
    int link; /* to the helper; -1: there is none */
};

static enum err run_setup(const struct rewriter *rewriter, struct errbuf *why)
{
    char what[] = "program-files";
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                  "/sbin:/bin";
    char *const argv[] = {rewriter->setup, what, NULL};
    char *const env[] = {path, NULL};
    int status = 0;
    pid_t pid;
    int failed = posix_spawn(&pid, rewriter->setup, NULL, NULL, argv, env);

    if (failed != 0) {
        errbuf_set(why, "%s: %s", rewriter->setup, strerror(failed));
        return ERR_UNAVAILABLE;
    }
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        errbuf_set(why, "%s %s failed", rewriter->setup, what);
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

static enum err rewrite(const struct rewriter *rewriter, const char *list,
                        struct errbuf *why)
{
    enum err err = plan_write_partitions(rewriter->conf, list, why);

    return err == ERR_OK ? run_setup(rewriter, why) : err;
}

/* The helper: does it once for each list it is sent, until it is left. */
static _Noreturn void serve(const struct rewriter *rewriter, int link)
{
    static char list[REWRITER_LIST_MAX + 1];
    ssize_t n;

    while ((n = recv(link, list, REWRITER_LIST_MAX, 0)) > 0) {
        struct errbuf why = {{0}, {0}};

        list[n] = '\0';
        (void)!rewrite(rewriter, list, &why);
        if (send(link, why.text, strlen(why.text) + 1, MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    _exit(EXIT_SUCCESS);
}

static void start_helper(struct rewriter *rewriter)
{
    int links[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, links) != 0) {
        return;
    }
    rewriter->helper = fork();
    if (rewriter->helper == 0) {
        (void)close(links[0]);
        serve(rewriter, links[1]);
    }
    (void)close(links[1]);
    rewriter->link = links[0];
}

struct rewriter *rewriter_new(const char *prefix)
{
    struct rewriter *rewriter = xcalloc(1, sizeof *rewriter);

    rewriter->link = -1;
    rewriter->conf = prefix == NULL
                         ? xstrdup(HYP_SYSCONFDIR "/partitions.conf")
                         : xasprintf("%s/etc/partitions.conf", prefix);
    rewriter->setup = prefix == NULL
                          ? xstrdup(HYP_LIBEXECDIR "/setup")
                          : xasprintf("%s/libexec/hypervise/setup", prefix);
    if (geteuid() == 0) {
        start_helper(rewriter);
    }
    return rewriter;
}

void rewriter_free(struct rewriter *rewriter)
{
    if (rewriter == NULL) {
        return;
    }
    if (rewriter->link >= 0) {
        (void)close(rewriter->link);
        (void)waitpid(rewriter->helper, NULL, 0);
    }
    free(rewriter->setup);
    free(rewriter->conf);
    free(rewriter);
}

enum err rewriter_write(const struct rewriter *rewriter, const char *list,
                        struct errbuf *why)
{
    /* An empty message would be the end. */
    const char *text = list[0] != '\0' ? list : " ";
    char said[sizeof why->text];
    ssize_t n;

    if (rewriter->link < 0) {
        return rewrite(rewriter, list, why);
    }
    if (send(rewriter->link, text, strlen(text), MSG_NOSIGNAL) < 0 ||
        (n = recv(rewriter->link, said, sizeof said, 0)) <= 0) {
        errbuf_set(why, "partitions.conf: who was to write it has ended");
        return ERR_UNAVAILABLE;
    }
    said[n - 1] = '\0';
    errbuf_set(why, "%s", said);
    return said[0] == '\0' ? ERR_OK : ERR_UNAVAILABLE;
}
