"""The zh and en sentence of every code that a value of a field can be refused with; `{names}` are facts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..values import Label

MESSAGES: Mapping[str, Label] = MappingProxyType(
    {
        "value.wrong_type": Label("值的类型不正确", "The value has the wrong type: {expected}"),
        "value.empty": Label("内容为空；不填请留空值", "The text is empty: send null for no value"),
        "value.too_long": Label("不能超过{max}个字符，现有{length}个", "At most {max} characters, not {length}"),
        "value.control_character": Label("第{position}个字符是控制字符", "Character {position} is a control character"),
        "value.pattern": Label("格式不符合要求：{pattern}", "The value does not have the form {pattern}"),
        "value.too_small": Label("不能小于{min}", "The value is at least {min}"),
        "value.too_great": Label("不能大于{max}", "The value is at most {max}"),
        "value.not_a_number": Label("不是数字", "This is no decimal number: write it like 12.50"),
        "value.too_precise": Label("小数最多{digits}位", "At most {digits} digits after the point"),
        "value.bad_date": Label("日期无效，应为{form}", "This is no date of the form {form}"),
        "value.bad_time": Label("时间无效，应为08:30或08:30:00", "This is no time of the form 08:30 or 08:30:00"),
        "value.bad_datetime": Label(
            "时间无效，应为2026-11-23T08:30:00+08:00", "This is no time of the form 2026-11-23T08:30:00+08:00"
        ),
        "value.no_offset": Label("时间须带时区，如+08:00", "A time names its offset, such as +08:00"),
        "value.bad_month": Label("月份无效，应为2026-11", "This is no month of the form 2026-11"),
        "value.not_in_list": Label("只能是：{values}", "One of: {values}"),
        "value.bad_code": Label("代码格式不正确", "A code has letters, digits, - and _, at most 80"),
        "value.bad_phone": Label(
            "电话无效，应为11位手机号或带区号的固定电话",
            "This is no mobile (11 digits) or landline (with area code) number",
        ),
        "value.bad_id_number": Label("公民身份号码应为18位", "A citizen id number has 17 digits and a digit or X"),
        "value.old_id_number": Label(
            "15位号码已停用，请填18位号码", "Numbers of 15 digits are no longer valid: give 18"
        ),
        "value.id_number_date": Label("号码中的出生日期不存在", "The date of birth inside the number does not exist"),
        "value.id_number_check": Label("校验码不正确", "The check digit of the number is wrong"),
        "value.id_number_reserved": Label("该号段仅供演示", "Numbers of this range are for demonstrations only"),
        "value.bad_credit_code": Label(
            "统一社会信用代码应为18位数字或大写字母（不含I、O、S、V、Z）",
            "A credit code has 18 digits and letters without I, O, S, V, Z",
        ),
        "value.credit_code_check": Label("校验码不正确", "The check character of the credit code is wrong"),
        "value.bad_email": Label("电子邮箱无效", "This is no e-mail address"),
        "value.bad_url": Label(
            "网址无效，应以http://或https://开头", "This is no address: begin with http:// or https://"
        ),
        "value.bad_id": Label("编号格式不正确", "The id is malformed"),
        "value.bad_target": Label("所指类型不正确", "This reference points to one of: {values}"),
        "value.bad_point": Label("位置应为经度lon与纬度lat", "A position is {lon, lat} in degrees"),
        "value.outside_china": Label("位置不在中国境内", "The position is not in China (lon 73-136, lat 3-54)"),
        "value.swapped_point": Label("经纬度可能颠倒", "Longitude and latitude seem to be swapped"),
        "value.null_point": Label("位置为(0,0)，设备未定位", "The position is (0, 0): the device had no fix"),
        "value.bad_polygon": Label("边界无效：{reason}", "This is no GeoJSON polygon: {reason}"),
        "value.too_large": Label("内容过大，上限{max}字节", "The value is larger than {max} bytes"),
        "value.too_many": Label("最多{max}项", "At most {max} items"),
        "value.duplicate": Label("“{value}”重复", '"{value}" stands twice'),
        "value.bad_role": Label("照片用途只能是：{values}", "The role of a photo is one of: {values}"),
        "value.issued": Label("该值由系统产生", "This value is set by the server"),
    }
)


def sentence(code: str, facts: Mapping[str, Any], language: str = "en") -> str:
    """The sentence of a code with its facts; the code itself when it has none."""
    label = MESSAGES.get(code)
    if label is None:
        return code
    text = label.of(language)
    for name, value in facts.items():
        text = text.replace("{" + name + "}", str(value))
    return text
