/* SPDX-License-Identifier: Apache-2.0 */
/** Mixtures of faults, each with a name. */
#include "tests/sim/weather.h"

#include <string.h>

/* Every number is "once in so many". */
const struct weather weathers[] = {
    {"calm", {0}},
    {"crashes", {.crash = 150}},
    {"nacks", {.nack = 20, .late = 3, .delay = 3}},
    {"cuts", {.cut = 150, .late = 5, .swallow = 60, .keep = 2}},
    {"stores", {.store = 20, .unknown = 15, .crash = 400}},
    {"twins", {.twin = 300, .disown = 200}},
    {"broker", {.restart = 1000, .nack = 30, .late = 4}},
    {"storm",
     {.crash = 300,
      .twin = 800,
      .disown = 600,
      .cut = 400,
      .restart = 2500,
      .nack = 30,
      .store = 60,
      .unknown = 60,
      .late = 4,
      .delay = 5,
      .swallow = 200,
      .keep = 2}},
    {"clocks", {.back = 400, .crash = 400, .store = 40, .unknown = 40}},
    {"moves", {.move = 4}},
    {"stormy-moves",
     {.move = 3,
      .crash = 300,
      .twin = 800,
      .cut = 400,
      .nack = 30,
      .store = 60,
      .unknown = 60,
      .late = 4,
      .delay = 5,
      .keep = 2}},
    {"one", {.one = true}},
    {"one-crashes", {.one = true, .crash = 300}},
    {"one-cuts",
     {.one = true,
      .cut = 150,
      .late = 5,
      .swallow = 60,
      .keep = 2,
      .nack = 30}},
    {"one-stores", {.one = true, .store = 20, .unknown = 15, .crash = 800}},
    {"one-twins", {.one = true, .twin = 600, .disown = 300}},
    {"swaps", {.swap = 500, .late = 4}},
    {"one-storm",
     {.one = true,
      .swap = 1200,
      .crash = 600,
      .twin = 1500,
      .disown = 1000,
      .cut = 400,
      .restart = 2500,
      .nack = 30,
      .store = 60,
      .unknown = 60,
      .late = 4,
      .delay = 5,
      .swallow = 200,
      .keep = 2}},
    {NULL, {0}}};

const struct weather *weather_find(const char *name)
{
    for (size_t i = 0; weathers[i].name != NULL; i++) {
        if (strcmp(weathers[i].name, name) == 0) {
            return &weathers[i];
        }
    }
    return NULL;
}
