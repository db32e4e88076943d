/** Loaded into the processes of a storm: collects all garbage on SIGUSR2, so that their heaps can be compared. */
const { gc } = globalThis;
if (gc === undefined) throw new Error('start this process with --expose-gc');

process.on('SIGUSR2', () => {
  void gc();
  // What a finalizer let go of is collected by the second.
  setImmediate(() => void gc());
});
