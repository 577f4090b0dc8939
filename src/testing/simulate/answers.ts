import { encodeResult } from '../../core/codec.ts'
import type { Outcome } from '../../core/once.ts'
import type { OperationId } from '../../core/record.ts'
import type { Judge } from './judge.ts'
import type { Ledger } from './ledger.ts'
import type { SimCaller } from './scenario.ts'
import type { World } from './world.ts'

/** Checks the answers that callers get against what the store holds at that moment. */
export class Answers {
  readonly #world: World
  readonly #judge: Judge
  readonly #ledger: Ledger
  readonly #isLock: boolean

  constructor(world: World, judge: Judge, ledger: Ledger, isLock: boolean) {
    this.#world = world
    this.#judge = judge
    this.#ledger = ledger
    this.#isLock = isLock
  }

  /** Records an answer to a caller. Success may only be reported if the store has accepted it by now. */
  told({ key, fingerprint }: SimCaller, outcome: Outcome<unknown>): void {
    const { id } = key
    this.#world.count(`answer: ${outcome.kind}`)
    const known = this.#judge.known(id)
    switch (outcome.kind) {
      case 'executed':
      case 'replayed': {
        const { of } = Object(outcome.value) as { readonly of?: string }
        if (of !== undefined && of !== nameOf(key)) this.#wrong('I19', id, `${nameOf(key)} was answered for ${of}`)
        if (this.#isLock) {
          this.#lockAnswered(id, outcome.kind === 'executed' ? outcome.fence : 0)
          return
        }
        const body = encodeResult(outcome.value)
        const stored = known?.results.find(({ result }) => result.kind === 'value' && same(result.body, body))
        if (stored === undefined) this.#wrong('I5', id, `${outcome.kind} with a value that is not in the store`)
        else if (stored.fingerprint !== fingerprint) this.#wrong('I6', id, `${outcome.kind} with a stranger's value`)
        return
      }
      case 'failed':
        if (!outcome.replayed || known?.results.some(({ result }) => result.kind === 'error')) return
        this.#wrong('I5', id, 'an error was replayed that is not in the store')
        return
      case 'unknown':
        if (known?.results.some(({ result }) => result.kind === 'unknown')) return
        this.#wrong('I2', id, 'unknown was answered, but it is not parked in the store')
        return
      case 'mismatch':
        if (known !== undefined && (known.fingerprint !== fingerprint || known.generation > 0)) return
        this.#wrong('I6', id, 'the payload that is bound was answered with mismatch')
        return
      case 'in-flight':
        return
    }
  }

  #lockAnswered(id: OperationId, fence: number): void {
    if (this.#ledger.runOf(id, fence)?.ended !== 'value') this.#wrong('I14', id, 'a lock answered without its effect')
    if (!this.#judge.known(id)?.released.has(fence)) this.#wrong('I14', id, 'a lock answered before it was given back')
  }

  #wrong(invariant: string, id: OperationId, message: string): void {
    this.#world.violate(invariant, `operation ${id.slice(0, 8)}: ${message}`)
  }
}

/** Names the operation that a value belongs to. */
export function nameOf({ scope, key }: SimCaller['key']): string {
  return `${key} in ${scope}`
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
