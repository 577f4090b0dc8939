import { stateMachine } from 'onlyonce/state-machine'

/** The states of an order. A late duplicate finds it paid or further, and changes nothing. */
export const orderLife = stateMachine({
  name: 'order',
  states: ['created', 'paid', 'completed'],
  transitions: { created: ['paid'], paid: ['completed'] },
})
