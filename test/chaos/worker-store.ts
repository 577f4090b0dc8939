import { Cluster } from 'ioredis'
import { redisStore } from 'onlyonce/redis'
import { openStore } from 'onlyonce/stores'
import type { Job } from './plan.ts'

export type OpenStore = Awaited<ReturnType<typeof openStore>>

/** As a user opens it; a cluster with a map to the proxies, since it tells its clients its own addresses. */
export async function openWorkerStore({ url, nat, sabotage }: Job): Promise<OpenStore> {
  const store = nat === undefined ? await openStore(url) : clusterStore(nat)
  return sabotage === 'deaf' ? deaf(store) : store
}

function clusterStore(nat: NonNullable<Job['nat']>): OpenStore {
  const client = new Cluster(Object.values(nat), {
    lazyConnect: true,
    natMap: nat,
    redisOptions: { maxRetriesPerRequest: 2, connectTimeout: 5_000 },
  })
  client.on('error', () => {})
  return redisStore({ client }) as OpenStore
}

/** A planted bug: an owner is never told that it lost its lease. */
function deaf(store: OpenStore): OpenStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      if (name !== 'complete' && name !== 'renew') return value.bind(target)
      return async (batch: readonly unknown[]) => {
        await value.call(target, batch)
        return batch.map(() => 'ok')
      }
    },
  })
}
