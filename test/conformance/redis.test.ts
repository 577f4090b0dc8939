import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { redisStore } from '../../src/stores/redis/index.ts'
import { storeConformance } from '../../src/testing/index.ts'
import { LIBRARIES, type Library, newPrefix, type OpenClient, openClient } from '../support/redis.ts'
import { describeWith, type Kind } from '../support/services.ts'

/** The clock is the server's, so time is slept through: by many cases at once. */
const atOnce = { describe: describe.concurrent, it }

function conforms(kind: Kind, library: Library): void {
  describeWith(kind, (url) => {
    let opened: OpenClient
    beforeAll(async () => {
      opened = await openClient(library, url)
    })
    afterAll(() => opened.close())
    storeConformance(
      `redis, ${library}, ${kind}`,
      {
        async open() {
          const prefix = newPrefix()
          const openStore = () => redisStore({ client: opened.client, prefix })
          let store = openStore()
          return {
            store,
            another: async () => openStore(),
            advance: async (ms) => void (await sleep(ms)),
            async reopen() {
              await store[Symbol.asyncDispose]()
              store = openStore()
              return store
            },
            close: () => store[Symbol.asyncDispose](),
          }
        },
      },
      atOnce,
    )
  })
}

for (const library of LIBRARIES) conforms('redis', library)
for (const library of LIBRARIES) conforms('redis-cluster', library)
for (const library of ['ioredis', 'node-redis'] as const) conforms('redis-sentinel', library)
