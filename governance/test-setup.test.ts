/** The plane that tests of this folder work with. It lies in testkit/, since commands of suites/ start it as well. */
export { testWorld } from '../testkit/governance.ts';
