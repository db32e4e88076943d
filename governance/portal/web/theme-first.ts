// The whole of the first script.
import { applyTheme, readTheme } from './theme.ts';

applyTheme(readTheme());
