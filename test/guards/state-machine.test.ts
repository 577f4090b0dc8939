import { describe, expect, it } from 'vitest'
import { layersOf } from '../../src/guards/machine/layers.ts'
import { judge, type StateMachine, stateMachine, toMermaid, toSvg } from '../../src/guards/state-machine.ts'

const order = stateMachine({
  name: 'order <1>',
  states: ['unpaid', 'paid', 'being sent', 'done', 'refunded'],
  transitions: {
    unpaid: ['paid'],
    paid: ['being sent', 'refunded'],
    'being sent': ['done', 'paid'],
    done: ['refunded'],
  },
})

describe('diagrams of a state machine', () => {
  it('as Mermaid, with begin and end, and names that Mermaid has no word for under a name of ours', () => {
    expect(toMermaid(order)).toBe(`stateDiagram-v2
  [*] --> unpaid
  unpaid --> paid
  paid --> s2
  paid --> refunded
  state "being sent" as s2
  s2 --> done
  s2 --> paid
  done --> refunded
  refunded --> [*]
`)
  })

  it('keeps states apart whose names look like ours, or like words of Mermaid', () => {
    const named = stateMachine({ name: 'x', states: ['in use', 's0', 'end'], transitions: { 'in use': ['s0', 'end'] } })
    expect(toMermaid(named)).toBe(`stateDiagram-v2
  state "in use" as s0
  [*] --> s0
  s0 --> s1
  s0 --> s2
  state "s0" as s1
  s1 --> [*]
  state "end" as s2
  s2 --> [*]
`)
  })

  it('refuses a definition in the place of a machine', () => {
    const definition = { name: 'x', states: ['a'], transitions: {} } as never
    expect(() => toMermaid(definition)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(() => toSvg(definition)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it('never lets a name break out of Mermaid', () => {
    const hostile = stateMachine({
      name: 'x',
      states: ['a"; click b', 'b\n[*]'],
      transitions: { 'a"; click b': ['b\n[*]'] },
    })
    expect(toMermaid(hostile as StateMachine)).toContain('state "a#34;#59; click b" as s0')
    expect(toMermaid(hostile as StateMachine).split('\n')).toHaveLength(7)
  })

  it('lays states out by the longest way forward, cycles and all', () => {
    expect(layersOf(order as StateMachine)).toEqual([['unpaid'], ['paid'], ['being sent'], ['done'], ['refunded']])
    const loop = stateMachine({ name: 'l', states: ['a', 'b'], transitions: { a: ['b'], b: ['a'] } })
    expect(layersOf(loop as StateMachine)).toEqual([['a'], ['b']])
    const fork = stateMachine({
      name: 'f',
      states: ['a', 'b', 'c', 'd'],
      transitions: { a: ['b', 'c'], b: ['d'], c: ['d'] },
    })
    expect(layersOf(fork as StateMachine)).toEqual([['a'], ['b', 'c'], ['d']])
  })

  it('as SVG: one box for each state, one arrow for each transition, nothing that is not escaped', () => {
    const svg = toSvg(order)
    expect(svg.match(/<rect /g)).toHaveLength(5)
    expect(svg.match(/marker-end/g)).toHaveLength(6)
    expect(svg.match(/class="end"/g)).toHaveLength(1)
    expect(svg).toContain('<title>order &#60;1&#62;</title>')
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    const hostile = stateMachine({ name: '"/><script>', states: ['<b>&"'], transitions: {} })
    expect(toSvg(hostile as StateMachine)).not.toMatch(/<script>|<b>/)
  })
})

describe('stateMachine', () => {
  const broken = (definition: unknown) => () => stateMachine(definition as never)

  it.each([
    [{ name: '', states: ['a'], transitions: {} }, 'name'],
    [{ name: 'm', states: [], transitions: {} }, 'states'],
    [{ name: 'm', states: ['a', 'a'], transitions: {} }, 'twice'],
    [{ name: 'm', states: ['a', ' '], transitions: {} }, 'must be a name'],
    [{ name: 'm', states: ['a'], transitions: { b: ['a'] } }, 'from a state that it does not have'],
    [
      { name: 'm', states: ['a'], transitions: { a: ['b'] } },
      '"m" has a transition from "a" to a state that it does not have; got "b"',
    ],
    [{ name: 'm', states: ['a'], transitions: { a: ['a'] } }, 'to itself'],
    [{ name: 'm', states: ['a', 'b'], transitions: { a: ['b', 'b'] } }, 'twice'],
    [
      { name: 'm', states: ['a', 'b'], transitions: { a: 'b' } },
      'the next states of "a" in "m" must be a list; got "b"',
    ],
    [{ name: 'm', states: ['a', 'b'], transition: { a: ['b'] } }, 'option `transition` is not an option'],
    [{ name: 'm', states: ['a', 'b'] }, 'needs transitions'],
    [undefined, 'needs a name'],
  ])('refuses %j', (definition, said) => {
    expect(broken(definition)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(broken(definition)).toThrow(said)
  })

  it('takes states that are named like members of every object', () => {
    const definition = { name: 'm', states: ['constructor', 'toString'], transitions: { constructor: ['toString'] } }
    const machine = stateMachine(definition as never) as StateMachine
    expect(machine.sources('toString')).toEqual(['constructor'])
    expect(machine.transitions.toString).toEqual([])
  })

  it('is complete and frozen', () => {
    expect(order.transitions.refunded).toEqual([])
    expect(
      Object.isFrozen(order) && Object.isFrozen(order.transitions) && Object.isFrozen(order.transitions.paid),
    ).toBe(true)
  })
})

describe('judge', () => {
  const loop = stateMachine({
    name: 'loop',
    states: ['a', 'b', 'c', 'end'],
    transitions: { a: ['b'], b: ['c'], c: ['a', 'end'] },
  }) as StateMachine

  it('on a cycle, knows no past but the state itself', () => {
    expect([judge(loop, 'a', 'b'), judge(loop, 'b', 'b'), judge(loop, 'c', 'b')]).toEqual([
      'legal',
      'already',
      'illegal',
    ])
    expect([judge(loop, 'end', 'a'), judge(loop, 'a', 'end')]).toEqual(['already', 'illegal'])
  })

  it('of a state that the machine does not have says illegal', () => {
    expect([judge(loop, 'x', 'a'), judge(loop, 'constructor', 'a')]).toEqual(['illegal', 'illegal'])
  })
})
