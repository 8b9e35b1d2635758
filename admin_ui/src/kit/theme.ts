/** Every colour, size and font of the console, light and dark under the same names; no screen holds a value of its own. */
import { theme as antdTheme, type ThemeConfig } from 'antd'

export type Mode = 'light' | 'dark'

export interface Colours {
  /** Behind everything. */
  page: string
  /** Panels, tables, header. */
  panel: string
  /** What floats: menus, drawers. */
  raised: string
  /** Wells, hovered rows. */
  sunken: string
  line: string
  /** Borders of controls, at least 3:1 against the panel. */
  control: string
  text: string
  muted: string
  accent: string
  /** Fills that carry white text. */
  accentFill: string
  accentFillHover: string
  accentSoft: string
  onAccent: string
  danger: string
  dangerSoft: string
  warning: string
  warningSoft: string
  done: string
  shadow: string
  /** Tones of the figure on the sign-in page, from quiet to clear. */
  figure: readonly [string, string, string, string]
  figureLine: string
}

export const COLOURS: Record<Mode, Colours> = {
  light: {
    page: '#f3f4f6',
    panel: '#ffffff',
    raised: '#ffffff',
    sunken: '#f0f2f5',
    line: '#e1e4e9',
    control: '#8b929d',
    text: '#1b2027',
    muted: '#59616d',
    accent: '#1a5bcb',
    accentFill: '#1f63d6',
    accentFillHover: '#1852b5',
    accentSoft: '#e7effc',
    onAccent: '#ffffff',
    danger: '#b3261e',
    dangerSoft: '#fcefee',
    warning: '#8a5600',
    warningSoft: '#fdf4e3',
    done: '#1b7340',
    shadow: '0 6px 20px rgba(20, 28, 40, 0.14)',
    figure: ['#eaf0fa', '#dfe9f8', '#cfdff5', '#1f63d6'],
    figureLine: '#ffffff',
  },
  dark: {
    page: '#121519',
    panel: '#191d22',
    raised: '#22272e',
    sunken: '#20252b',
    line: '#2c323a',
    control: '#69717d',
    text: '#e3e6ea',
    muted: '#a2aab6',
    accent: '#78aaff',
    accentFill: '#2c68d8',
    accentFillHover: '#3b76e4',
    accentSoft: '#1c2b45',
    onAccent: '#ffffff',
    danger: '#ff8a80',
    dangerSoft: '#3a1f1e',
    warning: '#f0b75a',
    warningSoft: '#35290f',
    done: '#67c98b',
    shadow: '0 6px 20px rgba(0, 0, 0, 0.5)',
    figure: ['#171d27', '#1a2331', '#1e2b40', '#2c68d8'],
    figureLine: '#121519',
  },
}

/** Sizes in CSS pixels on a grid of eight. */
export const SIZES = {
  unit: 8,
  corner: 6,
  header: 48,
  side: 224,
  row: 40,
  rowDense: 32,
  control: 32,
  text: 14,
  table: 13,
  small: 12,
  title: 20,
  content: 1440,
} as const

export const FONT =
  '-apple-system, "PingFang SC", "Microsoft YaHei", "Noto Sans SC", "Noto Sans CJK SC", "Segoe UI", Roboto, sans-serif'
export const FONT_CODE = 'ui-monospace, "Cascadia Mono", Consolas, "Noto Sans Mono CJK SC", monospace'
export const WEIGHTS = { plain: 400, strong: 600 } as const

/** The custom properties (`--wg-...`) that kit.css reads, for one mode. */
export function variables(mode: Mode): Record<string, string> {
  const { figure, ...colours } = COLOURS[mode]
  const out: Record<string, string> = { '--wg-font': FONT, '--wg-font-code': FONT_CODE }
  for (const [name, value] of Object.entries(colours)) out[`--wg-${name}`] = value
  figure.forEach((value, index) => (out[`--wg-figure-${index}`] = value))
  for (const [name, value] of Object.entries(SIZES)) out[`--wg-size-${name}`] = `${value}px`
  for (const [name, value] of Object.entries(WEIGHTS)) out[`--wg-weight-${name}`] = String(value)
  return out
}

/** The same tokens as antd understands them. */
export function antdConfig(mode: Mode): ThemeConfig {
  const c = COLOURS[mode]
  return {
    algorithm: mode === 'dark' ? antdTheme.darkAlgorithm : antdTheme.defaultAlgorithm,
    token: {
      fontFamily: FONT,
      fontFamilyCode: FONT_CODE,
      fontSize: SIZES.text,
      fontWeightStrong: WEIGHTS.strong,
      borderRadius: SIZES.corner,
      controlHeight: SIZES.control,
      colorPrimary: c.accentFill,
      colorPrimaryHover: c.accentFillHover,
      colorLink: c.accent,
      colorLinkHover: c.accent,
      colorText: c.text,
      colorTextSecondary: c.muted,
      colorTextTertiary: c.muted,
      colorTextDescription: c.muted,
      colorTextPlaceholder: c.muted,
      colorBgLayout: c.page,
      colorBgContainer: c.panel,
      colorBgElevated: c.raised,
      colorBorder: c.control,
      colorBorderSecondary: c.line,
      colorError: c.danger,
      colorWarning: c.warning,
      colorSuccess: c.done,
      boxShadowSecondary: c.shadow,
      motion: false,
    },
    components: {
      Button: { primaryShadow: 'none', defaultShadow: 'none', dangerShadow: 'none', colorPrimary: c.accentFill },
      Table: {
        cellFontSize: SIZES.table,
        cellFontSizeMD: SIZES.table,
        cellFontSizeSM: SIZES.table,
        cellPaddingBlockSM: 5,
        headerBg: c.panel,
        headerColor: c.muted,
        headerSplitColor: 'transparent',
        rowHoverBg: c.sunken,
        borderColor: c.line,
      },
      Skeleton: { gradientFromColor: c.sunken, gradientToColor: c.line },
    },
  }
}
