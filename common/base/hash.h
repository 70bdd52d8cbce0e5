/* SPDX-License-Identifier: Apache-2.0 */
/** Hashes: one keyed per process for tables, one fixed for what is stored. */
#ifndef HYP_BASE_HASH_H
#define HYP_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/** SipHash-2-4 with a random key of this process: for tables in memory. */
uint64_t hash_keyed(const void *data, size_t len);
/** SipHash-2-4 with a fixed key: the same everywhere and for ever. For
 *  partitions, receipts and ids that are stored. */
uint64_t hash_fixed(const void *data, size_t len);
/** CRC-32C (Castagnoli) of data; crc is 0 or the value of the part before. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);
/** The same on any processor, slower: what crc32c falls back to. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);

#endif
