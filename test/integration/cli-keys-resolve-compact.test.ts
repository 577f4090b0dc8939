import { expect, it } from 'vitest'
import { newPrefix } from '../support/redis.ts'
import { describeWith } from '../support/services.ts'
import { cli } from './cli-kit.ts'
import { claimOf, clientOf, granted, kindOf, portOf, storeOn } from './redis-helpers.ts'

describeWith('redis', (url) => {
  async function abandoned() {
    const prefix = newPrefix()
    const store = storeOn(clientOf(portOf(url)), { prefix, compact: true })
    const { id } = await granted(store, claimOf('a', { leaseMs: 1 }))
    await new Promise((resolve) => setTimeout(resolve, 5))
    const target = `${url}?prefix=${prefix}&compact=true`
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
    expect(said.err).toContain('leave --value and --retention-ms out')
    expect((await store.find([id]))[0]?.state).toBe('running')
  })

  it('without them it is resolved', async () => {
    const { store, resolve } = await abandoned()
    expect((await resolve()).code).toBe(0)
    expect(await kindOf(store, claimOf('a'))).toBe('done')
  })
})
