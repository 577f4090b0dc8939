import { expect, it } from 'vitest'
import { checkPrincipal } from './principal.ts'

function refusalOf(principal: unknown) {
  try {
    checkPrincipal(principal, 'POST /orders')
  } catch (error) {
    return error
  }
  return expect.fail('was taken')
}

it('whoever is named is taken', () => {
  checkPrincipal('user-7', 'POST /orders')
  checkPrincipal('public', 'POST /orders')
})

it('who is missing is asked for', () => {
  for (const [missing, shown] of [
    [undefined, 'undefined'],
    [5, '5'],
    ['', '""'],
    ['  ', '" "'],
  ])
    expect(refusalOf(missing)).toMatchObject({
      code: 'OPTION_INVALID',
      message: `the function \`scope\` answered ${shown} for POST /orders: put authentication in front, and answer who is asking`,
      cause: { code: 'OPTION_INVALID' },
    })
})

it('of a name that cannot stand in a scope the reason is told', () => {
  expect(refusalOf('user-undefined')).toMatchObject({
    code: 'OPTION_INVALID',
    message:
      'the function `scope` answered "user-undefined" for POST /orders: option `scope` contains what is left of a missing value; got "user-undefined"',
  })
})
