import type { World } from './world.ts'

interface Lock<Owner> {
  owner: Owner
  readonly waiting: { readonly owner: Owner; readonly go: () => void }[]
}

/** Row locks with one owner per row, held until the owner releases all of its rows; others queue up, with a timeout. */
export class RowLocks<Owner> {
  readonly #world: World
  readonly #locks = new Map<string, Lock<Owner>>()

  constructor(world: World) {
    this.#world = world
  }

  async take(row: string, owner: Owner, timeoutMs: number): Promise<void> {
    const lock = this.#locks.get(row)
    if (lock === undefined) {
      this.#locks.set(row, { owner, waiting: [] })
      return
    }
    if (lock.owner === owner) return
    this.#world.count('state: waited for a row')
    await new Promise<void>((resolve, reject) => {
      const place = {
        owner,
        go: () => {
          timeout.cancelled = true
          resolve()
        },
      }
      const timeout = this.#world.after(timeoutMs, 'lock timeout', () => {
        lock.waiting.splice(lock.waiting.indexOf(place), 1)
        reject(new Error('lock timeout'))
      })
      lock.waiting.push(place)
    })
  }

  giveBack(owner: Owner): void {
    for (const [row, lock] of this.#locks) {
      if (lock.owner !== owner) continue
      const next = lock.waiting.shift()
      if (next === undefined) this.#locks.delete(row)
      else {
        lock.owner = next.owner
        next.go()
      }
    }
  }
}
