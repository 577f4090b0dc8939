import { OnlyonceError, reasonOf } from './errors.ts'
import { checkScope, quote } from './key.ts'

/**
 * Checks what the `scope` function of an edge said about who is asking; `asked` is what for.
 * @throws OnlyonceError OPTION_INVALID when it is empty, what is left of a missing value, or cannot stand in a scope
 */
export function checkPrincipal(principal: unknown, asked: string): asserts principal is string {
  try {
    checkScope(principal)
  } catch (error) {
    const isMissing = typeof principal !== 'string' || principal.trim() === ''
    const advice = isMissing ? 'put authentication in front, and answer who is asking' : reasonOf(error)
    const message = `the function \`scope\` answered ${quote(principal)} for ${asked}: ${advice}`
    throw new OnlyonceError('OPTION_INVALID', message, { cause: error })
  }
}
