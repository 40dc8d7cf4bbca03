// streamdown, without plugins and without its fading in: each piece sets the state to a longer text.

import { Streamdown } from 'streamdown';
import { mount } from './growing.ts';

mount(Streamdown, (isGrowing) => ({ isAnimating: isGrowing }));
