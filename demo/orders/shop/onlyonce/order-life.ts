import { stateMachine } from 'onlyonce/state-machine'

/** What may become of an order. A duplicate that comes late finds it paid or past it, and moves nothing. */
export const orderLife = stateMachine({
  name: 'order',
  states: ['created', 'paid', 'completed'],
  transitions: { created: ['paid'], paid: ['completed'] },
})
