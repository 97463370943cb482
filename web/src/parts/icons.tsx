// SPDX-License-Identifier: Apache-2.0
//
// icons: 16 px, 1.35 px strokes, in the colour of the text beside them.

import type { ComponentChildren } from 'preact';

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.35"
      stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{children}</svg>
  );
}

export const DevicesIcon = () => <Icon><rect x="2.5" y="3" width="11" height="7.5" rx="1.2" /><path d="M6 13.5h4M8 10.5v3" /></Icon>;
export const HomeIcon = () => <Icon><path d="M2.5 7 8 2.5 13.5 7v6.5h-4V10h-3v3.5h-4z" /></Icon>;
export const AlertsIcon = () => <Icon><path d="M8 2a4 4 0 0 0-4 4v3l-1.500 2.500h11L12 9V6a4 4 0 0 0-4-4zM6.500 13.500h3" /></Icon>;
export const RulesIcon = () => <Icon><path d="M2.500 11.500h2L6.500 4l3 8 1.500-3.500h2.500" /><path d="M2.500 6.500h2.500M9.500 5.500h4" /></Icon>;
export const LogsIcon = () => <Icon><path d="M2.5 3.5h11v9h-11zM5 6.2l1.8 1.8L5 9.800M8.500 10h2.500" /></Icon>;
export const TelemetryIcon = () => <Icon><path d="M2.5 2.5v11h11" /><path d="m4.500 10 2.500-4 2.500 2.500 3.500-5" /></Icon>;
export const AuditIcon = () => <Icon><path d="M3 2.5v11M6 4h7.5M6 8h7.5M6 12h5" /></Icon>;
export const ClaimIcon = () => <Icon><path d="M8 3v10M3 8h10" /></Icon>;
export const ProductsIcon = () => <Icon><path d="M8 1.8 13.8 5v6L8 14.2 2.2 11V5zM2.2 5 8 8.2 13.8 5M8 8.2v6" /></Icon>;
export const ChevronIcon = () => <Icon><path d="m5 6.5 3 3 3-3" /></Icon>;
export const MenuIcon = () => <Icon><path d="M2.5 4.5h11M2.5 8h11M2.5 11.500h11" /></Icon>;
export const DownIcon = () => <Icon><path d="M8 2.500v8M4.500 7.500 8 11l3.500-3.500M3 13.500h10" /></Icon>;
export const SettingsIcon = () => (
  <Icon><circle cx="8" cy="8" r="2.2" /><path d="M8 1.8v2M8 12.2v2M1.8 8h2M12.2 8h2M3.6 3.6 5 5M11 11l1.4 1.4M12.4 3.6 11 5M5 11l-1.4 1.4" /></Icon>
);
export const SearchIcon = () => <Icon><circle cx="7" cy="7" r="4" /><path d="m10 10 3.5 3.5" /></Icon>;
export const SunIcon = () => <Icon><circle cx="8" cy="8" r="2.8" /><path d="M8 1.6v1.6M8 12.8v1.6M1.6 8h1.6M12.8 8h1.6M3.5 3.5l1.1 1.1M11.4 11.4l1.1 1.1M12.5 3.5l-1.1 1.1M4.6 11.4l-1.1 1.1" /></Icon>;
export const MoonIcon = () => <Icon><path d="M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6z" /></Icon>;
export const SystemIcon = () => <Icon><circle cx="8" cy="8" r="5.6" /><path d="M8 2.4a5.6 5.6 0 0 1 0 11.2z" fill="currentColor" /></Icon>;
export const WarnIcon = () => <Icon><path d="M8 2.2 14.2 13H1.8zM8 6.4v3M8 11.3v.1" /></Icon>;
export const TickIcon = () => <Icon><path d="m3.5 8.5 3 3 6-7" /></Icon>;
export const CrossIcon = () => <Icon><path d="m4 4 8 8M12 4l-8 8" /></Icon>;
export const PauseIcon = () => <Icon><path d="M5.5 3.5v9M10.5 3.5v9" /></Icon>;
export const PlayIcon = () => <Icon><path d="M5 3.2 12.5 8 5 12.8z" /></Icon>;
export const EditIcon = () => <Icon><path d="M3 13l.6-2.900L10.800 2.900a1.300 1.300 0 0 1 1.900 0l.4.4a1.300 1.300 0 0 1 0 1.900L5.900 12.400z" /></Icon>;
export const CopyIcon = () => <Icon><rect x="5.5" y="5.5" width="8" height="8" rx="1.2" /><path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2" /></Icon>;
export const ShieldIcon = () => <Icon><path d="M8 1.8 13 4v4c0 3.2-2.2 5.3-5 6.2C5.2 13.3 3 11.2 3 8V4z" /><path d="m5.8 8 1.6 1.6 3-3.2" /></Icon>;

export function Mark({ size = 22 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 22 22" fill="none" stroke="currentColor" stroke-width="1.5" aria-hidden="true">
      <circle cx="11" cy="11" r="2.6" fill="currentColor" stroke="none" />
      <circle cx="11" cy="11" r="5.6" />
      <circle cx="11" cy="11" r="9.6" stroke-dasharray="50 11" transform="rotate(-20 11 11)" />
      <circle cx="16" cy="8.5" r="1.7" fill="currentColor" stroke="none" />
      <circle cx="3.3" cy="16.7" r="1.4" fill="currentColor" stroke="none" />
    </svg>
  );
}
