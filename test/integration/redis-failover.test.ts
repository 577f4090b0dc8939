import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { later } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith, describeWithFresh } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { claimOf, clientOf, completionOf, granted, kindOf, portOf, storeOn } from './redis-helpers.ts'

describeWithFresh('redis', (start) => {
  /** A master and its replica, which hears of it through a proxy. */
  async function pair() {
    const [first, second] = [await start(), await start()]
    const [master, replica] = [first.processes[0], second.processes[0]]
    if (master === undefined || replica === undefined) throw new Error('no process')
    const link = await createProxy(master.port)
    for (const tidy of [first.stop, second.stop, () => link.close()]) later(tidy)
    const [toMaster, toReplica] = [clientOf(master.port), clientOf(replica.port)]
    await toMaster.config('SET', 'repl-diskless-sync-delay', '0')
    await toReplica.call('REPLICAOF', '127.0.0.1', String(link.port))
    await until('the link', async () => (await toReplica.info('replication')).includes('master_link_status:up'))
    const promote = async () => {
      await master.kill('SIGKILL')
      await toReplica.call('REPLICAOF', 'NO', 'ONE')
    }
    return { link, toMaster, toReplica, promote }
  }
  const prefix = 'failover'
  /** For a replica that answers, however slow the machine; and for one that cannot. */
  const durability = { waitReplicas: 1, waitTimeoutMs: 15_000 }
  const impatient = { waitReplicas: 1, waitTimeoutMs: 300 }

  it('without waiting for replicas, a claim that the replica never heard of is granted twice', async () => {
    const { link, toMaster, toReplica, promote } = await pair()
    const [before, after] = [storeOn(toMaster, { prefix }), storeOn(toReplica, { prefix })]
    expect(before.traits.survivesFailover).toBe(false)
    link.blackhole()
    expect(await kindOf(before, claimOf('order:1'))).toBe('granted')
    await promote()
    expect(await kindOf(after, claimOf('order:1'))).toBe('granted')
  })

  it('waiting for a replica refuses that claim and gives it back', async () => {
    const { link, toMaster, toReplica, promote } = await pair()
    const [before, after] = [storeOn(toMaster, { prefix, durability: impatient }), storeOn(toReplica, { prefix })]
    expect(before.traits.survivesFailover).toBe(true)
    link.blackhole()
    const once = onlyonce({ store: before, scope: 's' })
    await expect(once('order:1', () => expect.fail('it ran'))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('0 of 1 replicas'),
    })
    await until('the release', async () => (await once.find('order:1'))?.state === 'idle')
    expect(await once.find('order:1')).toMatchObject({ attempt: 0 })
    await promote()
    expect(await kindOf(after, claimOf('order:1'))).toBe('granted')
  })

  it('what was granted while waiting for a replica is still held after the fail-over, and results are still there', async () => {
    const { toMaster, toReplica, promote } = await pair()
    const [before, after] = [storeOn(toMaster, { prefix, durability }), storeOn(toReplica, { prefix })]
    const held = claimOf('order:1')
    const lease = await granted(before, held)
    await before.complete([completionOf(await granted(before, claimOf('order:2')))])
    await promote()
    expect(await kindOf(after, claimOf('order:1'))).toBe('running')
    expect(await kindOf(after, claimOf('order:2'))).toBe('done')
    expect(await after.complete([completionOf(lease)])).toEqual(['ok'])
  })

  it('a result that no replica has is not confirmed, and is when it is asked for again', async () => {
    const { link, toMaster, toReplica } = await pair()
    const lease = await granted(storeOn(toMaster, { prefix, durability }), claimOf('order:1'))
    const store = storeOn(toMaster, { prefix, durability: impatient })
    link.blackhole()
    await expect(store.complete([completionOf(lease)])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    // From another connection, which wrote nothing before: the repeat must still speak for the first write.
    const another = storeOn(clientOf(toMaster.options.port as number), { prefix, durability: impatient })
    await expect(another.complete([completionOf(lease)])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    link.resume()
    await until('the link', async () => (await toReplica.info('replication')).includes('master_link_status:up'))
    await until('the repeat', () =>
      another.complete([completionOf(lease)]).then(
        ([one]) => one === 'ok',
        () => false,
      ),
    )
  })

  it('compact, too: neither a repeat nor a duplicate speaks for a completion that no replica has', async () => {
    const { link, toMaster } = await pair()
    const lease = await granted(storeOn(toMaster, { prefix, compact: true, durability }), claimOf('order:1'))
    const another = () =>
      storeOn(clientOf(toMaster.options.port as number), { prefix, compact: true, durability: impatient })
    // Redis 7.0 lets WAIT speak for what others wrote before; where it does not, only a write of its own is waited for.
    const writes = async () => Number(/cmdstat_hset:calls=(\d+)/.exec(await toMaster.info('commandstats'))?.[1])
    const unconfirmed = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('0 of 1 replicas') }
    link.blackhole()
    await expect(another().complete([completionOf(lease)])).rejects.toMatchObject(unconfirmed)
    expect(await writes()).toBe(1)
    await expect(another().complete([completionOf(lease)])).rejects.toMatchObject(unconfirmed)
    expect(await writes()).toBe(2)
    await expect(another().claim([claimOf('order:1')])).rejects.toMatchObject(unconfirmed)
    expect(await writes()).toBe(3)
  })
})

describeWith('redis', (url) => {
  /** A client that is told how many replicas there are, at each WAIT. */
  async function waitingFor(replicas: (nth: number) => Promise<number>) {
    const real = clientOf(portOf(url))
    // A server that does not know the script yet is asked twice.
    await kindOf(storeOn(real), claimOf('warm'))
    let waits = 0
    const client = {
      isCluster: false,
      options: {},
      duplicate: () => real.duplicate(),
      callBuffer: (command: string, args: (string | Buffer)[]) =>
        command === 'WAIT' ? replicas(++waits) : real.callBuffer(command, args),
    }
    return { client, real }
  }

  it('claims that were given back together are refused, not told that somebody runs them', async () => {
    // A replica that comes too late for the first WAIT, and is there for every other one.
    const { client } = await waitingFor(async (nth) => (nth === 1 ? 0 : 1))
    const store = storeOn(client, { durability: { waitReplicas: 1 } })
    const claimed: number[] = []
    const claim: typeof store.claim = (requests) => {
      claimed.push(requests.length)
      return store.claim(requests)
    }
    const once = onlyonce({ store: { ...store, claim, concurrency: { batches: 1 } }, scope: 's' })
    const both = await Promise.allSettled([once('a', () => 1), once('b', () => 2)])
    const unavailable = { status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } }
    expect(both).toMatchObject([unavailable, unavailable])
    expect(claimed).toEqual([2])
    await until('the release', async () => (await once.find('a'))?.state === 'idle')
    expect(await once('a', () => 1)).toBe(1)
  })
  it('a claim that was asked for again is not given back when the replica is late for the first try only', async () => {
    let unmet = (_replicas: number) => {}
    const first = new Promise<number>((resolve) => {
      unmet = resolve
    })
    const { client, real } = await waitingFor(async (nth) => {
      if (nth === 1) return first
      unmet(0)
      return 1
    })
    const store = storeOn(client, { durability: { waitReplicas: 1 } })
    const once = onlyonce({ store, scope: 's', storeTimeoutMs: 1_000 })
    const state = await once('order:1', async () => {
      await real.ping()
      return (await once.find('order:1'))?.state
    })
    expect(state).toBe('running')
  })
})
