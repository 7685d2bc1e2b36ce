// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IRewardsDistributor} from "../../contracts/IRewardsDistributor.sol";
import {Burner, Refuser} from "./support/Actors.sol";
import {DistributorTest} from "./support/DistributorTest.sol";
import {FeeToken, RebasingToken, ScriptedToken, SilentToken, Token} from "./support/Tokens.sol";
import {vm} from "./support/Vm.sol";

contract FundsTest is DistributorTest {
    address private constant OUT = address(0x0075);

    function withdraw(address asset, address to, uint256 amount) private {
        vm.prank(ADMIN);
        distributor.withdrawSurplus(asset, to, amount);
    }

    function refuse(address asset, address to, uint256 amount, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(ADMIN);
        distributor.withdrawSurplus(asset, to, amount);
    }

    function test_GivenEth_WhenFunded_WhatArrivedIsReported() external {
        vm.deal(ANYONE, 100);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.Funded(ANYONE, ETH, 60);
        vm.prank(ANYONE);
        eq(distributor.fund{value: 60}(ETH, 60), 60);
        eq(address(distributor).balance, 60);
    }

    function test_GivenAPlainTransferOfEth_WhenSent_ItIsAccepted() external {
        vm.deal(ANYONE, 100);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.Funded(ANYONE, ETH, 40);
        vm.prank(ANYONE);
        (bool ok,) = address(distributor).call{value: 40}("");
        yes(ok);
        eq(address(distributor).balance, 40);
    }

    function test_GivenAnotherValueThanNamed_WhenFunded_ItReverts() external {
        Token token = new Token();
        bytes4 selector = IRewardsDistributor.UnexpectedValue.selector;
        vm.deal(address(this), 100);
        vm.expectRevert(abi.encodeWithSelector(selector, 59, 60));
        distributor.fund{value: 59}(ETH, 60);
        vm.expectRevert(abi.encodeWithSelector(selector, 61, 60));
        distributor.fund{value: 61}(ETH, 60);
        vm.expectRevert(abi.encodeWithSelector(selector, 1, 0));
        distributor.fund{value: 1}(address(token), 0);
    }

    function test_GivenATokenWithAFee_WhenFunded_WhatArrivedIsReported() external {
        FeeToken token = new FeeToken();
        token.mint(ANYONE, 100);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.Funded(ANYONE, address(token), 90);
        vm.prank(ANYONE);
        eq(distributor.fund(address(token), 100), 90);
    }

    function test_GivenATokenWithoutReturnValue_WhenFunded_ItArrives() external {
        SilentToken token = new SilentToken();
        token.mint(ANYONE, 100);
        vm.prank(ANYONE);
        eq(distributor.fund(address(token), 100), 100);
    }

    function test_GivenATokenThatMovesNothing_WhenFunded_NothingIsReportedOrItReverts() external {
        ScriptedToken token = new ScriptedToken();
        token.mint(ANYONE, 100);
        token.script(abi.encode(true), false);
        vm.prank(ANYONE);
        eq(distributor.fund(address(token), 100), 0);
        token.script(abi.encode(false), false);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
        vm.prank(ANYONE);
        distributor.fund(address(token), 100);
    }

    function test_DrainingTheSurplusBelowWhatIsOwed() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(2, ETH, 1);
        postLeaves(leaves);
        vm.deal(address(distributor), 350);
        eq(distributor.surplusOf(ETH), 50);
        // Waiting epochs are owed too.
        bytes4 selector = IRewardsDistributor.SurplusExceeded.selector;
        refuse(ETH, OUT, 51, abi.encodeWithSelector(selector, ETH, 51, 50));
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.SurplusWithdrawn(ETH, OUT, 50);
        withdraw(ETH, OUT, 50);
        eq(OUT.balance, 50);
        refuse(ETH, OUT, 1, abi.encodeWithSelector(selector, ETH, 1, 0));
        vm.warp(START + DELAY);
        eq(claimAll(1, leaves), 2);
        eq(address(distributor).balance, 0);
    }

    function test_GivenClaimsPaid_WhenWithdrawing_TheRestIsStillOwed() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(2, ETH, 1);
        postActive(leaves);
        vm.deal(address(distributor), 350);
        claim(1, leaves, 0);
        eq(distributor.surplusOf(ETH), 50);
        withdraw(ETH, OUT, 50);
        eq(claim(1, leaves, 1), 200);
    }

    function test_GivenATokenThatShrank_WhenWithdrawing_ThereIsNoSurplus() external {
        RebasingToken token = new RebasingToken();
        token.mint(address(distributor), 100);
        post(recordOf(keccak256("root"), address(token), 100));
        token.rebase(50);
        eq(distributor.surplusOf(address(token)), 0);
        bytes4 selector = IRewardsDistributor.SurplusExceeded.selector;
        refuse(address(token), OUT, 1, abi.encodeWithSelector(selector, address(token), 1, 0));
    }

    function test_GivenAnAssetNobodyIsOwed_WhenWithdrawing_AllOfItLeaves() external {
        Token token = new Token();
        token.mint(address(distributor), 100);
        withdraw(address(token), OUT, 100);
        eq(token.balanceOf(OUT), 100);
    }

    function test_GivenAnyoneElse_WhenWithdrawing_ItReverts() external {
        vm.deal(address(distributor), 1);
        bytes4 selector = IAccessControl.AccessControlUnauthorizedAccount.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, GUARDIAN, bytes32(0)));
        vm.prank(GUARDIAN);
        distributor.withdrawSurplus(ETH, OUT, 1);
    }

    function test_GivenATargetThatCannotReceive_WhenWithdrawing_ItReverts() external {
        vm.deal(address(distributor), 10);
        bytes4 selector = IRewardsDistributor.InvalidRecipient.selector;
        refuse(ETH, address(0), 1, abi.encodeWithSelector(selector, address(0)));
        refuse(ETH, address(distributor), 1, abi.encodeWithSelector(selector, address(distributor)));
        address refuser = address(new Refuser());
        selector = IRewardsDistributor.TransferFailed.selector;
        refuse(ETH, refuser, 1, abi.encodeWithSelector(selector, ETH, refuser, 1));
        ScriptedToken token = new ScriptedToken();
        token.mint(address(distributor), 10);
        token.script(abi.encode(false), false);
        refuse(address(token), OUT, 1, abi.encodeWithSelector(selector, address(token), OUT, 1));
    }
}
