"""How Chinese texts are read: surnames, words, tones, and the order that follows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wangge.model.pinyin import Spelt, spelt


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("单小明", "shanxiaoming"),
        ("曾国藩", "zengguofan"),
        ("仇英", "qiuying"),
        ("解珍", "xiezhen"),
        ("任远", "renyuan"),
        ("区伟", "ouwei"),
        ("查明", "zhaming"),
        ("翟天临", "zhaitianlin"),
        ("缪斯", "miaosi"),
        ("尉迟恭", "yuchigong"),
        ("万俟卨", "moqixie"),
        ("长孙无忌", "zhangsunwuji"),
        ("令狐冲", "linghuchong"),
        ("王重阳", "wangchongyang"),
        ("吕布", "lvbu"),
    ],
)
def test_surnames_are_read_as_surnames(name: str, full: str) -> None:
    assert spelt(name).full == full


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("解放路", "jiefanglu"),
        ("重庆", "chongqing"),
        ("长沙", "changsha"),
        ("乐山", "leshan"),
        ("农业银行", "nongyeyinhang"),
        ("单身公寓管理处", "danshengongyuguanlichu"),
    ],
)
def test_places_and_words_are_read_in_their_context(text: str, full: str) -> None:
    assert spelt(text).full == full


def test_a_text_is_kept_as_sort_key_full_pinyin_and_initials() -> None:
    assert spelt("王小明") == Spelt("wang2王xiao3小ming2明", "wangxiaoming", "wxm")
    assert spelt("A座3号") == Spelt("azuo4座3hao4号\tA座3号", "azuo3hao", "az3h")
    assert spelt("阿依古丽·买买提").initials == "ayglmmt"
    assert spelt("") == Spelt("", "", "")
    assert spelt("𠮷野") == Spelt("𠮷ye3野", "ye", "y")


def test_names_are_ordered_by_reading_then_tone_and_those_that_are_read_alike_by_code_point() -> None:
    names = ["章三", "张三", "张四", "西安", "先生", "王伟", "汪伟", "王", "曾一", "单一", "仇一", "张伟", "张玮"]
    assert sorted(names, key=lambda name: spelt(name).sort) == [
        "仇一", "单一", "汪伟", "王", "王伟", "西安", "先生", "曾一", "张三", "张四", "张伟", "张玮", "章三",
    ]  # fmt: skip


TEXTS = st.text(alphabet="王汪Aａa1单乐 ·𠮷", max_size=5)


@given(TEXTS, TEXTS)
def test_two_texts_have_one_key_only_when_they_are_equal(one: str, other: str) -> None:
    assert (spelt(one).sort == spelt(other).sort) is (one == other)
