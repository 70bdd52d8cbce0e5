/* SPDX-License-Identifier: Apache-2.0 */
/** HUP: a daemon reads its configuration again and tells what came of it. */
#include "common/metrics/reload.h"

#include "common/base/log.h"

enum {
    NAMES_MAX = 16 * 1024
};

void reload_refuse(const struct reload *reload, struct conf_reload *read,
                   const char *why)
{
    log_error("RELOAD-REFUSED", "%s; goes on as before", why);
    status_file_reloaded(reload->status, "", "", why);
    conf_reload_free(read);
}

bool reload_begin(const struct reload *reload, struct conf_reload **out)
{
    const struct conf_start start = {reload->argc, reload->argv,
                                     reload->all_live};
    struct errbuf why = {{0}, {0}};

    if (conf_reload_open(reload->program, &start, reload->conf, out, &why) ==
        ERR_OK) {
        return true;
    }
    reload_refuse(reload, NULL, why.text);
    return false;
}

void reload_end(const struct reload *reload, struct conf_reload *read)
{
    struct buf taken, kept;

    buf_init(&taken, NAMES_MAX);
    buf_init(&kept, NAMES_MAX);
    conf_reload_tell(read, &taken, &kept);
    if (kept.len > 0) {
        log_warning("RELOAD-KEPT", "needs a restart to take %s",
                    buf_str(&kept));
    }
    log_info("RELOAD-TAKEN", "configuration read again, taken: %s",
             taken.len > 0 ? buf_str(&taken) : "nothing new");
    status_file_reloaded(reload->status, buf_str(&taken), buf_str(&kept), "");
    buf_fini(&taken);
    buf_fini(&kept);
    conf_reload_free(read);
}
