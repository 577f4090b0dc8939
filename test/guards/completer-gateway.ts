import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Operation } from '../../src/core/once.ts'

/** A payment gateway that outlives every process: one line for each movement of money. */
export function openGateway(directory: string, recognisesKeys: boolean) {
  const file = join(directory, 'gateway.jsonl')
  const ledger = (): { readonly what: string; readonly reference: string }[] =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line))
      : []
  return {
    ledger,
    find: (what: string, reference: string) =>
      ledger().find((entry) => entry.what === what && entry.reference === reference),
    async move(what: string, reference: string): Promise<string> {
      const known = ledger().some((entry) => entry.what === what && entry.reference === reference)
      if (!known || !recognisesKeys) appendFileSync(file, `${JSON.stringify({ what, reference })}\n`)
      return `${what} ${reference.slice(0, 6)}`
    },
  }
}

export type Gateway = ReturnType<typeof openGateway>

/** Where a process dies. */
export const PLACES = ['reserving', 'reserved', 'between', 'capturing', 'captured', 'never'] as const
export type Place = (typeof PLACES)[number]

/**
 * The payment: two movements of money, each a step. A gateway that recognises keys is sent the same one each time; the
 * other is asked first whether it knows the reference.
 */
export async function pay(op: Operation, gateway: Gateway, recognisesKeys: boolean, dieAt: (place: Place) => void) {
  const moved = async (what: 'reserve' | 'capture', before: Place, after: Place) => {
    const reference = op.child(what)
    const known = recognisesKeys ? undefined : gateway.find(what, reference)
    dieAt(before)
    const answer = known === undefined ? await gateway.move(what, reference) : `${what} ${reference.slice(0, 6)}`
    dieAt(after)
    return answer
  }
  const reserved = await op.step('reserve', () => moved('reserve', 'reserving', 'reserved'))
  dieAt('between')
  const captured = await op.step('capture', () => moved('capture', 'capturing', 'captured'))
  return { reserved, captured }
}
