import { expect } from 'vitest'
import { OnlyonceError } from '../../src/core/errors.ts'

/** The error code that a call rejected with, or the error itself if it is not one of ours. */
export const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (value) => `resolved with ${JSON.stringify(value)}`,
    (error: unknown) => (OnlyonceError.is(error) ? error.code : error),
  )

/** The error that a call rejected with. */
export const failure = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => new Error('it resolved'),
    (error) => error,
  )

/** The error of ours that a call rejected with. */
export async function refusal(work: Promise<unknown>): Promise<OnlyonceError> {
  const error = await work.then(
    (value) => expect.fail(`resolved with ${String(value)}`),
    (reason: unknown) => reason,
  )
  expect(OnlyonceError.is(error)).toBe(true)
  return error as OnlyonceError
}
