import { quote } from '../core/key.ts'
import { invalidOption } from '../core/option-rules.ts'
import type { ResolvedInbox } from './inbox-settings.ts'

/**
 * Warns if a broker may deliver a message for longer (`horizonMs`) than its record is kept.
 * @throws OnlyonceError OPTION_INVALID with `strict`
 */
export function checkHorizon({ scope, call, late, strict }: ResolvedInbox, horizonMs: number): void {
  const { retentionMs } = call
  if (horizonMs <= retentionMs) return
  const howLong = Number.isFinite(horizonMs) ? `the ${horizonMs} ms for which` : 'the time without end for which'
  const otherwise =
    late === 'park' ? 'an older message is put aside instead of handled (see `late`)' : 'a late copy takes effect twice'
  const rule = `must not be shorter than ${howLong} the broker may deliver a message, or ${otherwise}`
  if (strict) throw invalidOption('retentionMs', rule, retentionMs)
  process.emitWarning(`inbox ${quote(scope)}: \`retentionMs\` (${retentionMs}) ${rule}`, { code: 'ONLYONCE_RETENTION' })
}
