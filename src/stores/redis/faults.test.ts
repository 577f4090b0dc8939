import { expect, it } from 'vitest'
import { OnlyonceError } from '../../core/errors.ts'
import { explained } from './faults.ts'

const told = (reason: string) => explained('claim', new Error(reason))

it.each([
  [
    'ERR Error running script (call to f_4a): @user_script:41: @user_script: 41: -OOM command not allowed',
    'memory is full',
  ],
  ["OOM command not allowed when used memory > 'maxmemory'. script: 4a, on @user_script:41.", 'memory is full'],
  ["ERR ACL failure in script: User default has no permissions to run the 'set' command", 'lacks a permission'],
  [
    "ERR Error running script (call to f_4a): @user_script:1: The user executing the script can't run this command",
    'lacks a permission',
  ],
  ["CROSSSLOT Keys in request don't hash to the same slot", 'client of a cluster'],
])('what Redis refuses is not asked again: %s', (reason, meaning) => {
  expect(told(reason)).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining(meaning) })
})

it.each([
  ['NOREPLICAS Not enough good replicas to write.', 'min-replicas-to-write'],
  ['getaddrinfo ENOTFOUND ORACLE', 'the connection failed'],
])('what may pass is asked again: %s', (reason, meaning) => {
  expect(OnlyonceError.is(told(reason))).toBe(false)
  expect(told(reason).message).toContain(meaning)
})
