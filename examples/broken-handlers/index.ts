import { ackBeforeCommit } from './ack-before-commit.ts'
import { chargeWithoutKey } from './charge-without-key.ts'
import { checkThenInsert } from './check-then-insert.ts'
import { counterIncrement } from './counter-increment.ts'
import { keyOfUndefined } from './key-of-undefined.ts'
import { mailBeforeRow } from './mail-before-row.ts'
import { notAwaited } from './not-awaited.ts'
import { publishInTransaction } from './publish-in-transaction.ts'
import { resultOfChangedRow } from './result-of-changed-row.ts'
import { swallowedError } from './swallowed-error.ts'
import { timeDependentKey } from './time-dependent-key.ts'
import { twoWrites } from './two-writes.ts'

/** Each under the name of its file, with a message of its own type. */
export const examples = {
  'ack-before-commit': ackBeforeCommit,
  'charge-without-key': chargeWithoutKey,
  'check-then-insert': checkThenInsert,
  'counter-increment': counterIncrement,
  'key-of-undefined': keyOfUndefined,
  'mail-before-row': mailBeforeRow,
  'not-awaited': notAwaited,
  'publish-in-transaction': publishInTransaction,
  'result-of-changed-row': resultOfChangedRow,
  'swallowed-error': swallowedError,
  'time-dependent-key': timeDependentKey,
  'two-writes': twoWrites,
}
