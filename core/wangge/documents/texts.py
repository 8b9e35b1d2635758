"""The words of the pages for developers, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

FIELD_COLUMNS = (
    "name", "label", "kind", "target", "required", "sensitivity", "level", "writable", "purposes", "example", "description",
)  # fmt: skip
TEXTS: Mapping[str, tuple[str, str]] = {
    "dictionary": ("数据字典", "Data dictionary"),
    "interface": ("接口文档", "Interface"),
    "codes": ("代码表", "Code tables"),
    "type": ("类型", "Type"),
    "entity": ("名称", "Name"),
    "name": ("字段", "Field"),
    "label": ("中文名", "Label"),
    "kind": ("字段类型", "Kind"),
    "target": ("代码表或取值", "Codes or values"),
    "required": ("必填", "Required"),
    "sensitivity": ("敏感级别", "Sensitivity"),
    "level": ("展示", "Shown"),
    "writable": ("可填写", "Writable"),
    "purposes": ("使用事由", "Purposes"),
    "example": ("示例", "Example"),
    "description": ("说明", "Description"),
    "actions": ("可用操作", "Actions"),
    "table": ("代码表", "Code table"),
    "code": ("代码", "Code"),
    "zh": ("中文名", "Chinese"),
    "en": ("英文名", "English"),
    "parent": ("上级代码", "Above"),
    "yes": ("是", "yes"),
    "caller": ("适用于", "For"),
    "contents": ("目录", "Contents"),
    "start": ("调用方式", "How to call"),
    "address": ("接口地址", "Address"),
    "token_about": (
        "每个请求都要带接口凭证：请求头 Authorization: Bearer wg_...。接口凭证由管理员发放，只显示一次。",
        "Each request carries a token: the header Authorization: Bearer wg_... An administrator gives it; it is shown once.",
    ),
    "answers_about": (
        "返回 JSON：data 为结果，errors 说明问题，errors[].extensions.code 为错误代码。时间一律为 +08:00。",
        "The answer is JSON: data, and errors with a code in errors[].extensions.code. Times are +08:00.",
    ),
    "personal_about": (
        "查看个人信息会留下查阅记录；需要说明使用事由时用请求头 Wangge-Purpose。",
        "Reads of personal data are recorded; name a purpose in the header Wangge-Purpose where one is needed.",
    ),
    "trusted": ("备案查询", "Trusted documents"),
    "query": ("GraphQL 查询", "GraphQL query"),
    "variables": ("变量", "Variables"),
    "parameters": ("参数", "Parameters"),
    "errors": ("错误代码", "Error codes"),
    "message": ("说明", "Message"),
    "none": ("没有可用的备案查询", "There is no trusted document for you"),
    "sync": ("增量同步示例", "A mirror, step by step"),
    "sync_about": (
        "第一次不带 after，取完全部记录并保存 endPosition；以后每次带上它。CREATED、UPDATED 覆盖保存，REMOVED、LEFT 删除本地记录。"
        "rightsChanged 为 true 或错误代码为 position.expired 时，不带 after 重新开始，并删除不再出现的记录。",
        "Begin without after, take all pages and keep endPosition; go on with it the next time. Store what is CREATED or UPDATED, "
        "delete what is REMOVED or LEFT. When rightsChanged is true, or the error is position.expired, begin again without after "
        "and delete what does not come again.",
    ),
}


def texts_of(language: str) -> dict[str, str]:
    """The words in one language."""
    return {name: pair[1 if language == "en" else 0] for name, pair in TEXTS.items()}
