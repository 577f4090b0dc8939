import { shellWord } from '../core/shell-word.ts'
import { withoutSecrets } from '../core/without-secrets.ts'
import { withoutQuery } from '../stores/urls/url.ts'
import { printableLines } from './text.ts'

/** Parameters that hold no secret. Others may: PostgreSQL's `password`, for one. */
const HARMLESS: readonly string[] = [
  ...['schema', 'database', 'prefix', 'partitions', 'compact', 'migrate', 'durability', 'prepare', 'listen', 'max'],
  ...['timeoutMs', 'busyTimeoutMs', 'commandTimeoutMs', 'lockWaitMs', 'connectionLimit', 'ssl', 'sslmode'],
  ...['waitReplicas', 'waitTimeoutMs'],
]

/** A user without a password. Not of Redis, where what stands alone may be meant as one. */
const USER_ALONE = /^((?:postgres|postgresql|mysql|mariadb):\/\/)[\w.-]+@/i

/**
 * What a suggested command needs of `--store`, so that it works when it is pasted. Nothing where the environment named
 * the store; `URL` in the place of one that may hold a password, or that is not safe to show.
 */
export function storeFlag(given: string | undefined): string {
  if (given === undefined) return ''
  const isShown = isSafe(given) && (/^sqlite:/i.test(given) || !mayHoldSecret(given))
  return ` --store ${isShown ? shellWord(given) : 'URL'}`
}

function isSafe(url: string): boolean {
  return printableLines(url) === url && !url.includes('\n')
}

function mayHoldSecret(url: string): boolean {
  const [place, query] = withoutQuery(url.replace(USER_ALONE, '$1'))
  return withoutSecrets(place) !== place || [...query.keys()].some((name) => !HARMLESS.includes(name))
}
