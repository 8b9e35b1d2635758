/** Dates and numbers as the office writes them; times are those of Asia/Shanghai, wherever the browser stands. */
import type { Language } from './preferences'

const ZONE = 'Asia/Shanghai'

/** `2026-11-23 14:05:09` of an RFC 3339 timestamp; an unreadable one stays as it is. */
export function formatMoment(value: string | Date): string {
  const moment = typeof value === 'string' ? new Date(value) : value
  if (Number.isNaN(moment.getTime())) return String(value)
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: ZONE,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(moment)
  const of = (type: Intl.DateTimeFormatPartTypes): string => parts.find((part) => part.type === type)?.value ?? ''
  return `${of('year')}-${of('month')}-${of('day')} ${of('hour')}:${of('minute')}:${of('second')}`
}

/** `2026-11-23` of a timestamp. */
export function formatDate(value: string): string {
  return formatMoment(value).slice(0, 10)
}

/** A day in running text with its weekday: `2026年11月23日 星期一`, `Monday 23 November 2026`. */
export function formatDay(value: Date, language: Language): string {
  const locale = language === 'zh' ? 'zh-CN' : 'en-GB'
  const day = new Intl.DateTimeFormat(locale, { timeZone: ZONE, dateStyle: 'long' }).format(value)
  const weekday = new Intl.DateTimeFormat(locale, { timeZone: ZONE, weekday: 'long' }).format(value)
  return language === 'zh' ? `${day} ${weekday}` : `${weekday} ${day}`
}

/** `1000+` when more rows exist than were counted, groups of three otherwise. */
export function formatCount(count: { value: number; exact: boolean }): string {
  return count.exact ? new Intl.NumberFormat('en').format(count.value) : `${count.value}+`
}
