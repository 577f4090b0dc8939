import { expect, it } from 'vitest'
import type { RedisCompact } from '../../src/stores/redis/index.ts'
import { newPrefix } from '../support/redis.ts'
import { describeWith } from '../support/services.ts'
import { cli } from './cli-kit.ts'
import { claimOf, clientOf, granted, kindOf, portOf, storeOn } from './redis-helpers.ts'

describeWith('redis', (url) => {
  async function abandoned(compact: true | RedisCompact = true, parameters = 'compact=true') {
    const prefix = newPrefix()
    const store = storeOn(clientOf(portOf(url)), { prefix, compact })
    const { id } = await granted(store, claimOf('a', { leaseMs: 1 }))
    await new Promise((resolve) => setTimeout(resolve, 5))
    const target = `${url}?prefix=${prefix}&${parameters}`
    const resolve = (...argv: string[]) =>
      cli(['keys', 'resolve', '--id', id, '--store', target, '--yes', '--happened', ...argv])
    return { store, id, resolve }
  }

  it.each([
    ['--value', '{"paid":true}'],
    ['--retention-ms', '5000'],
  ])('of a store that keeps no results, %s is refused before anything is changed', async (...argv) => {
    const { store, id, resolve } = await abandoned()
    const said = await resolve(...argv)
    expect(said).toMatchObject({ code: 2, out: '' })
    expect(said.err).toContain('leave the value and the retention out')
    expect((await store.find([id]))[0]?.state).toBe('running')
  })

  it('without them it is resolved', async () => {
    const { store, resolve } = await abandoned()
    expect((await resolve()).code).toBe(0)
    expect(await kindOf(store, claimOf('a'))).toBe('done')
  })

  it.each([
    ['compactRetentionMs', { retentionMs: 3_600_000 }, 'compactRetentionMs=3600000'],
    ['compactKeys', { keys: 1_000 }, 'compactKeys=1000'],
    ['both', { retentionMs: 3_600_000, keys: 1_000 }, 'compact=true&compactRetentionMs=3600000&compactKeys=1000'],
  ])('with %s as the application has it, the effect does not run again', async (_, compact, parameters) => {
    const { store, resolve } = await abandoned(compact, parameters)
    expect((await resolve('--value', '1')).err).toContain('leave the value and the retention out')
    expect((await resolve()).code).toBe(0)
    expect(await kindOf(store, claimOf('a', { retentionMs: 1_000 }))).toBe('done')
  })

  it('without them it says what they have to be', async () => {
    const { resolve } = await abandoned()
    expect((await resolve()).err).toContain('compactRetentionMs')
  })
})
