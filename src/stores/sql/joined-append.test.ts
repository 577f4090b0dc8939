import { describe, expect, it } from 'vitest'
import { appendInside } from './joined-append.ts'

const refused = new Error('refused')
const gone = new Error('the savepoint is gone')

/** A transaction of the caller's, and what became of its savepoint. */
function session(failing: { readonly release?: Error; readonly rollbackTo?: Error } = {}) {
  const told: unknown[] = []
  const verb = (name: 'release' | 'rollbackTo') => async (of: string, reason?: unknown) => {
    told.push(reason === undefined ? `${name} ${of}` : `${name} ${of}: ${(reason as Error).message}`)
    if (failing[name] !== undefined) throw failing[name]
  }
  return { told, joined: true, guard: async () => 's1', release: verb('release'), rollbackTo: verb('rollbackTo') }
}

describe("adding in a transaction of the caller's", () => {
  const refuse = () => Promise.reject(refused)

  it('undoes what was refused and tells it, and whoever is next has its turn', async () => {
    const [tx, of] = [{}, session()]
    const first = appendInside(tx, of, refuse)
    const next = appendInside(tx, of, async () => {})
    await expect(first).rejects.toBe(refused)
    await next
    expect(of.told).toEqual(['rollbackTo s1: refused', 'release s1', 'release s1'])
  })

  it('tells what was refused, and not that its savepoint is gone with the transaction', async () => {
    const of = session({ rollbackTo: gone, release: gone })
    await expect(appendInside({}, of, refuse)).rejects.toBe(refused)
  })

  it('tells that the transaction has ended meanwhile: what was added is not part of it', async () => {
    await expect(appendInside({}, session({ release: gone }), async () => {})).rejects.toBe(gone)
  })
})
