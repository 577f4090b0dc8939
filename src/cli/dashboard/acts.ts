import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import type { ObservedRecord } from '../../core/record.ts'
import { type Act, isUnchanged } from '../act.ts'
import { FORGET } from '../commands/keys-forget.ts'
import { RELEASE } from '../commands/keys-release.ts'
import { DID_NOT_HAPPEN, happenedWith } from '../commands/keys-resolve.ts'
import { CliError, failure } from '../exit.ts'
import type { StoreAtHand } from '../store.ts'
import { labelOf, type Target } from '../target.ts'
import { stored } from './html.ts'

export const ACTS = ['happened', 'did-not-happen', 'release', 'forget'] as const
export type ActName = (typeof ACTS)[number]

/** The record of one operation; `unreadable` with the reason why nobody can tell what is in it. */
export type Found = ObservedRecord | { readonly unreadable: string } | undefined

/** Without its names, a hashed record is given those it was looked for by: what is possible depends on the scope. */
export async function findOne(store: StoreAtHand, { id, scope, key }: Target): Promise<Found> {
  try {
    const [found] = await store.find([id])
    const isUnnamed = found !== undefined && found.key === undefined && scope !== undefined && key !== undefined
    return isUnnamed ? { ...found, scope, key } : found
  } catch (error) {
    if (!OnlyonceError.is(error) || error.code !== 'OUTCOME_UNKNOWN') throw error
    return { unreadable: reasonOf(error) }
  }
}

/** The same changes as on the command line. @throws CliError for a `value` that cannot be stored */
export function actOf(name: ActName, storeUrl: string, value?: string): Act {
  if (name === 'release') return RELEASE
  if (name === 'forget') return FORGET
  return name === 'happened' ? happenedWith(storeUrl, value === undefined ? {} : { value }) : DID_NOT_HAPPEN
}

/** What the act means for the operation; `undefined` where it is not possible. */
export function warningsOf(act: Act, found: NonNullable<Found>): readonly string[] | undefined {
  if ('unreadable' in found) return act.unread?.warnings
  try {
    return act.warnings(found)
  } catch (error) {
    if (error instanceof CliError) return undefined
    throw error
  }
}

/** What a form carries of the record that was shown, so that nothing is decided about another one. */
export const seenOf = (found: NonNullable<Found>): string =>
  'unreadable' in found ? 'unreadable' : JSON.stringify([found.owner, found.fence, found.state, found.result?.kind])

/** Changes the operation if it is still what was shown. Returns its name for the log. @throws CliError */
export async function perform(store: StoreAtHand, target: Target, act: Act, seen: string): Promise<string> {
  const { id } = target
  const found = await findOne(store, target)
  const changed = () =>
    failure('The operation changed after it was shown, so nothing was done: look again, and decide anew.')
  if (found === undefined || seenOf(found) !== seen) throw changed()
  if ('unreadable' in found) {
    if ((await act.unread?.apply(store, { id })) !== 'ok') throw changed()
    return labelOf({ id })
  }
  act.warnings(found)
  // Looked at once more, because to the store we act as the owner: it would let us end the claim of a live one.
  if (!isUnchanged(found, (await store.find([id]))[0]) || (await act.apply(store, found)) !== 'ok') throw changed()
  return labelOf(found)
}

/** What has to be typed before an operation is forgotten. */
export function nameOf(found: NonNullable<Found>, { id }: Target): string {
  return 'unreadable' in found || found.key === undefined ? id : stored(found.key)
}
