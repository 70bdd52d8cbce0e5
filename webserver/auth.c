/* SPDX-License-Identifier: Apache-2.0 */
/** Who asks: for now one API key, made at install. */
#include "webserver/auth.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "webserver/routes.h"

/* Hashes are compared, so that neither place nor length of a difference
 * shows in the time it takes. */
static bool is_key(const char *given, const char *key)
{
    unsigned char a[crypto_generichash_BYTES], b[crypto_generichash_BYTES];

    (void)crypto_generichash(a, sizeof a, (const unsigned char *)given,
                             strlen(given), NULL, 0);
    (void)crypto_generichash(b, sizeof b, (const unsigned char *)key,
                             strlen(key), NULL, 0);
    return sodium_memcmp(a, b, sizeof a) == 0;
}

static const char *bearer_of(const char *header)
{
    static const char scheme[] = "Bearer ";

    if (header == NULL || strncasecmp(header, scheme, sizeof scheme - 1) != 0) {
        return NULL;
    }
    header += sizeof scheme - 1;
    return header + strspn(header, " ");
}

bool auth_allows(const struct request *request, const char *key)
{
    const char *given = bearer_of(request_header(request, "Authorization"));

    if (given == NULL) {
        given = request_header(request, "x-canopsis-authkey");
    }
    if (given == NULL && request->route != NULL &&
        route_takes(request->route, "authkey")) {
        given = request_param(request, "authkey");
    }
    return given != NULL && key[0] != '\0' && is_key(given, key);
}
