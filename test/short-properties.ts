import fc from 'fast-check'

// Under mutation testing a property runs once per mutant it reaches; a mutant it has not noticed by then counts as survived.
fc.configureGlobal({ ...fc.readConfigureGlobal(), interruptAfterTimeLimit: 1_000 })
