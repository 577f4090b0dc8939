import { callName } from './facts.ts'
import { characterOf } from './functions.ts'
import { isEmpty, isNode, type Node, nodesInside, nodesOf } from './node.ts'
import { type Classification, depends, GUARDS, idempotent, notIdempotent, weightiest } from './verdict.ts'

const WRITES = ['insert', 'update', 'delete', 'replace', 'create', 'drop', 'alter', 'truncate', 'call', 'merge']

/** A SELECT is idempotent if nothing in it writes. `nested` judges the statements of its WITH. */
export function classifySelect(node: Node, nested: (statement: Node) => Classification): Classification {
  const all: Classification[] = [
    idempotent('it reads, and changes nothing; what it finds may differ from one time to the next'),
  ]
  for (const one of nodesInside(node)) {
    if (one !== node && WRITES.includes(String(one.type))) {
      all.push(nested(one))
      if (one.type !== 'insert')
        all.push(depends('a SELECT that writes in its WITH is two statements in one', GUARDS.run))
    }
    if (one.type === 'assign') all.push(depends('it sets a variable of the session', 'keep the value in your program'))
    if (isNode(one.into) && !isEmpty(one.into.expr)) {
      all.push(depends('what SELECT … INTO writes to may be there already', 'use INSERT or CREATE TABLE IF NOT EXISTS'))
    }
    if (one.type === 'function') all.push(...judgeCall(one))
  }
  return weightiest(all)
}

/** Functions in RETURNING are called for each written row: in the first run, and perhaps in a second one. */
export function judgeReturning(returning: unknown): readonly Classification[] {
  return [...nodesInside(returning)].flatMap((one) => {
    if (one.type === 'select') return [depends('RETURNING reads other rows, which may change', GUARDS.run)]
    if (one.type !== 'function') return []
    return judgeCall(one).map(() => depends(`${callName(one)}() in RETURNING may change something`, GUARDS.run))
  })
}

function judgeCall(call: Node): readonly Classification[] {
  const name = callName(call)
  const args = nodesOf(isNode(call.args) ? call.args.value : undefined)
  switch (characterOf(name, args.length, [], true)) {
    case 'writing':
      return [
        notIdempotent(
          `${name}() changes something at each call`,
          'call it once and keep its answer, or run it inside once.atomic',
        ),
      ]
    case 'opaque':
      return [depends(`whether ${name}() writes is not known here`, GUARDS.run)]
    default:
      return []
  }
}
