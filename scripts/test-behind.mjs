// Loaded into a test process that runs beside a suite with deadlines: it and all that it starts take only what is left over.
import { constants, setPriority } from 'node:os';

setPriority(constants.priority.PRIORITY_LOW);
